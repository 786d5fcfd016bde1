#include "tests/support/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

extern char** environ;

namespace kvfs::test {

namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

ExitCode exit_code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const Environment& environment,
                           const std::string& output_path) {
  std::vector<std::string> words = arguments;
  std::vector<std::string> settings;
  for (const auto& [name, value] : environment) settings.push_back(name + "=" + value);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(settings);
  const int output = ::open(output_path.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
  if (output < 0) throw std::runtime_error("cannot open " + output_path);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);

  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(input, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(output);
  ::close(input);
  if (pid_ < 0) throw std::runtime_error("cannot fork");
}

ChildProcess::~ChildProcess() { kill(); }

bool ChildProcess::running() { return !wait(std::chrono::milliseconds(0)); }

void ChildProcess::signal(int number) const {
  if (!exit_code_) ::kill(pid_, number);
}

std::optional<ExitCode> ChildProcess::wait(std::chrono::milliseconds deadline) {
  wait_until(
      [this] {
        int status = 0;
        if (!exit_code_ && ::waitpid(pid_, &status, WNOHANG) == pid_) exit_code_ = exit_code_of(status);
        return exit_code_.has_value();
      },
      deadline);
  return exit_code_;
}

void ChildProcess::kill() {
  if (exit_code_) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_code_ = exit_code_of(status);
}

ShellResult shell(const std::string& command, const std::string& directory, std::chrono::seconds limit) {
  const TempDir files;
  const std::string wrapped = "set -o pipefail; cd " + quoted(directory) + " || exit 125; { " + command + "\n} >" +
                              quoted(files / "out") + " 2>" + quoted(files / "err");
  ChildProcess child({"bash", "-c", wrapped}, clean_environment(), files / "shell");
  ShellResult result;
  if (const auto code = child.wait(limit)) {
    result.exit_code = *code;
  } else {
    child.kill();
    result.exit_code = 128 + SIGKILL;
  }
  result.out = try_read_file(files / "out").value_or("");
  result.err = try_read_file(files / "shell").value_or("") + try_read_file(files / "err").value_or("");
  return result;
}

std::string output_of(const std::string& command, const std::string& directory) {
  ShellResult result = shell(command, directory);
  if (result.exit_code != 0) {
    throw std::runtime_error(command + "\nexits " + std::to_string(result.exit_code) + ": " + result.out + result.err);
  }
  if (!result.out.empty() && result.out.back() == '\n') result.out.pop_back();
  return result.out;
}

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'') {
      text += "'\\''";
    } else {
      text += c;
    }
  }
  return text + "'";
}

Environment clean_environment() {
  Environment all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string setting = *entry;
    const size_t equals = setting.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = setting.substr(0, equals);
    if (name.rfind("KVFS_", 0) == 0 || name == "PORT" || name == "DB_PATH") continue;
    all[name] = setting.substr(equals + 1);
  }
  all["LC_ALL"] = "C.UTF-8";
  all["TZ"] = "UTC";
  return all;
}

}  // namespace kvfs::test
