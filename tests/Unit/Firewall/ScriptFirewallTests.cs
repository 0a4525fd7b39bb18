using System.Diagnostics;
using HostService.Infrastructure.Linux.Firewall;
using HostService.Tests.Support;
using HostService.Tests.Unit.Deploy;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Firewall;

/// <summary>How the service runs the script; what the rules do is tested with the kernel (tests/Engine/Firewall).</summary>
public sealed class ScriptFirewallTests : IDisposable
{
    private readonly ScratchDirectory _directory = new();
    private readonly ManualClock _clock = new();
    private readonly FirewallOptions _options = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_shell_is_given_the_script_that_is_installed_and_its_output_is_the_rules()
    {
        var given = _directory["given"];
        Shell($"printf '%s\\n' \"$@\" >{given}.arguments; cat >{given}; echo one; echo two");

        Assert.Equal(["one", "two"], await LoadAsync());

        Assert.Equal(File.ReadAllText(Script.Deploy("firewall.sh")).TrimEnd('\n'), File.ReadAllText(given).TrimEnd('\n'));
        Assert.Equal("-s\nrepair\n", File.ReadAllText($"{given}.arguments"));
    }

    [Fact]
    public async Task A_script_that_says_nothing_loaded_nothing()
    {
        Shell("exit 0");

        Assert.Empty(await LoadAsync());
    }

    [Fact]
    public async Task A_failure_is_told_in_the_programs_own_words()
    {
        Shell("echo one; echo 'iptables: Permission denied' >&2; exit 4");

        Assert.Equal($"firewall.sh failed: {_options.Shell} -s repair ended with 4: iptables: Permission "
            + "denied", (await Assert.ThrowsAsync<FirewallException>(LoadAsync)).Message);
    }

    [Fact]
    public async Task A_shell_that_cannot_be_run_is_named()
    {
        _options.Shell = _directory["nothing"];

        Assert.StartsWith($"firewall.sh failed: {_options.Shell} cannot be run: ", (await Assert.ThrowsAsync<FirewallException>(LoadAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_that_hangs_is_ended_when_its_time_is_up()
    {
        // It says by a named pipe that it hangs, and would stay for ever.
        var pipe = _directory["pipe"];
        using (var mkfifo = Process.Start("mkfifo", pipe))
        {
            await mkfifo.WaitForExitAsync();
        }

        Shell($"echo $$ >{pipe}; exec tail -f /dev/null");
        var loading = LoadAsync();
        using var hanging = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(pipe)));
        _clock.Advance(_options.LoadTimeout);

        Assert.Equal($"firewall.sh failed: {_options.Shell} -s repair did not end within 30 s", (await Assert.ThrowsAsync<FirewallException>(() => loading)).Message);
        await hanging.WaitForExitAsync();
    }

    private Task<IReadOnlyList<string>> LoadAsync() =>
        new ScriptFirewall(Options.Create(_options), _clock).LoadAsync(CancellationToken.None);

    private void Shell(string script)
    {
        _options.Shell = _directory["shell"];
        ExecutableFile.WriteScript(_options.Shell, script);
    }
}
