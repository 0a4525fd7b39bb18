using System.Diagnostics;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Fleet;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Fleet;

public sealed class HostUpgradesTests : IDisposable
{
    private readonly ScratchDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task An_upgrade_is_started_once_however_often_it_is_asked_for_and_the_last_attempt_counts()
    {
        var upgrades = Upgrades("read -r _ <end");

        Assert.Null(upgrades.Begin("1.2", "first"));
        Assert.Null(upgrades.Begin("1.2", "second"));
        Assert.Equal(("1.2", "second", null), (upgrades.Last!.Version, upgrades.Last.Attempt, upgrades.Last.Fault));
        Assert.Equal("an upgrade to 1.2 is in progress", upgrades.Begin("1.3", "third"));

        await File.WriteAllTextAsync(_directory["end"], "\n");
        await UntilAsync(() => upgrades.Last is { IsEnded: true, Fault: null });
        Assert.Equal(["start -- host-service-upgrade@1.2.service"], await CallsAsync());
    }

    [Fact]
    public async Task One_that_failed_is_told_in_the_units_own_words_until_the_next_begins()
    {
        var upgrades = Upgrades("case $1 in start) exit 1 ;; show) echo 'the new version is not ready' ;; esac");

        upgrades.Begin("1.2", "first");
        await UntilAsync(() => upgrades.Last is { IsEnded: true, Fault: not null });
        Assert.Equal(("first", "the new version is not ready"), (upgrades.Last!.Attempt, upgrades.Last.Fault));
        Assert.Equal("show --property=StatusText --value -- host-service-upgrade@1.2.service", (await CallsAsync())[1]);

        Assert.Null(upgrades.Begin("1.3", "second"));
        await UntilAsync(() => upgrades.Last is { Attempt: "second", Fault: not null });
    }

    [Fact]
    public async Task Where_the_unit_says_nothing_systemctl_does()
    {
        var upgrades = Upgrades("[ $1 = show ] || { echo 'Unit not found.' >&2; exit 5; }");

        upgrades.Begin("1.2", "first");
        await UntilAsync(() => upgrades.Last?.Fault is not null);

        Assert.Contains("Unit not found.", upgrades.Last!.Fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_a_version_reaches_no_unit()
    {
        var upgrades = Upgrades("");

        Assert.StartsWith("the version must be", upgrades.Begin("../../tmp/x", "first"), StringComparison.Ordinal);
        Assert.Null(upgrades.Last);
        Assert.Empty(await CallsAsync());
    }

    [Fact]
    public void A_version_is_escaped_as_the_name_of_a_unit_needs_it() =>
        Assert.Equal(@"host-service-upgrade@1.2.0\x7egit\x2d1\x2bb.service", HostUpgrades.UnitOf("1.2.0~git-1+b"));

    private HostUpgrades Upgrades(string systemctl)
    {
        using (var mkfifo = Process.Start("mkfifo", _directory["end"]))
        {
            mkfifo.WaitForExit();
        }

        ExecutableFile.WriteScript(_directory["systemctl"], $"cd {_directory.Path}\necho \"$*\" >>calls\n{systemctl}");
        return new HostUpgrades(
            Options.Create(new SystemdOptions { Systemctl = _directory["systemctl"] }), TimeProvider.System, NullLogger<HostUpgrades>.Instance);
    }

    private async Task<string[]> CallsAsync() => File.Exists(_directory["calls"]) ? await File.ReadAllLinesAsync(_directory["calls"]) : [];

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!holds())
        {
            await pace.WaitForNextTickAsync(late.Token);
        }
    }
}
