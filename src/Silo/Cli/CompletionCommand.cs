using System.CommandLine;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service completion</c>: a script for the shell, which asks the program itself what may follow.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # source <(host-service completion bash)
        _host_service() {
          local IFS=$'\n'
          COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -F _host_service host-service
        """;

    private const string Zsh = """
        # source <(host-service completion zsh)
        _host_service() {
          local -a found
          found=("${(@f)$("${words[1]}" "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
          compadd -a found
        }
        compdef _host_service host-service
        """;

    public static Command Create()
    {
        var command = new Command(
            "completion", "Print a script that completes commands and options in the shell: source <(host-service completion bash).");
        var shell = new Argument<string>("shell") { Description = "bash or zsh." };
        shell.AcceptOnlyFromAmong("bash", "zsh");
        command.Arguments.Add(shell);
        command.SetAction(parsed =>
        {
            Console.WriteLine(parsed.GetValue(shell) == "zsh" ? Zsh : Bash);
            return ExitCodes.Ended;
        });
        return command;
    }
}
