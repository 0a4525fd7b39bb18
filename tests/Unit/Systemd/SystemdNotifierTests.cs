using System.Globalization;
using HostService.Infrastructure.Linux.Libc;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Systemd;

public sealed class SystemdNotifierTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("systemctl");
    private readonly ManualClock _clock = new();

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Each_notification_is_one_datagram(bool inTheAbstractNamespace)
    {
        using var socket = new NotifySocket(inTheAbstractNamespace);
        using var systemd = Notifier(("NOTIFY_SOCKET", socket.Address));

        systemd.Ready();
        Assert.Equal("READY=1", socket.Receive());
        systemd.Status("3 mandelboxes, 51 free slots");
        Assert.Equal("STATUS=3 mandelboxes, 51 free slots", socket.Receive());
        systemd.Watchdog();
        Assert.Equal("WATCHDOG=1", socket.Receive());
        systemd.ExtendTimeout(TimeSpan.FromSeconds(1.5));
        Assert.Equal("EXTEND_TIMEOUT_USEC=1500000", socket.Receive());
        systemd.Stopping();
        Assert.Equal("STOPPING=1", socket.Receive());
        Assert.True(socket.IsEmpty);
    }

    [Fact]
    public void A_status_of_several_lines_cannot_smuggle_in_another_variable()
    {
        using var socket = new NotifySocket();
        using var systemd = Notifier(("NOTIFY_SOCKET", socket.Address));

        systemd.Status("fine\nSTOPPING=1");

        Assert.Equal("STATUS=fine STOPPING=1", socket.Receive());
    }

    [Fact]
    public void A_file_for_the_next_run_is_handed_over_by_name_and_taken_back_by_name()
    {
        using var socket = new NotifySocket();
        using var systemd = Notifier(("NOTIFY_SOCKET", socket.Address));
        using var file = File.OpenHandle(Path.Combine(_directory.FullName, "file"), FileMode.Create, FileAccess.ReadWrite);

        systemd.Store("m1.0", file);
        Assert.Equal("FDSTORE=1\nFDNAME=m1.0\nFDPOLL=0", socket.Receive());
        systemd.Remove("m1.0");
        Assert.Equal("FDSTOREREMOVE=1\nFDNAME=m1.0", socket.Receive());
    }

    [Fact]
    public void A_file_of_the_last_run_is_taken_once_and_no_program_inherits_it()
    {
        using var socket = new NotifySocket();
        var path = Path.Combine(_directory.FullName, "file");
        File.WriteAllText(path, "kept");
        var inherited = FileCalls.Open(path, FileCalls.ReadWrite);
        var descriptor = (int)inherited.DangerousGetHandle();
        inherited.SetHandleAsInvalid();
        using var systemd = Notifier(
            descriptor,
            ("NOTIFY_SOCKET", socket.Address),
            ("LISTEN_PID", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)),
            ("LISTEN_FDNAMES", "m1.0"));

        using var taken = systemd.Take("m1.0");

        Assert.Equal(path, File.ResolveLinkTarget($"/proc/self/fd/{descriptor}", returnFinalTarget: false)?.FullName);
        Assert.Contains("flags:\t02", File.ReadAllText($"/proc/self/fdinfo/{descriptor}"), StringComparison.Ordinal);
        Assert.Null(systemd.Take("m1.0"));
        systemd.RemoveUntaken();
        Assert.True(socket.IsEmpty);
    }

    [Fact]
    public void Files_that_nobody_takes_are_closed()
    {
        using var socket = new NotifySocket();
        var path = Path.Combine(_directory.FullName, "file");
        File.WriteAllText(path, "kept");
        var inherited = FileCalls.Open(path, FileCalls.ReadWrite);
        var descriptor = (int)inherited.DangerousGetHandle();
        inherited.SetHandleAsInvalid();
        using var systemd = Notifier(descriptor, ("NOTIFY_SOCKET", socket.Address), ("LISTEN_FDNAMES", "gone.0"));

        systemd.RemoveUntaken();

        Assert.Equal("FDSTOREREMOVE=1\nFDNAME=gone.0", socket.Receive());
        Assert.Null(systemd.Take("gone.0"));
        Assert.NotEqual(path, File.Exists($"/proc/self/fd/{descriptor}") ? File.ResolveLinkTarget($"/proc/self/fd/{descriptor}", false)?.FullName : null);
    }

    [Fact]
    public void Files_for_another_process_are_left_alone()
    {
        using var systemd = Notifier(("LISTEN_PID", "1"), ("LISTEN_FDNAMES", "m1.0"));

        Assert.Null(systemd.Take("m1.0"));
    }

    [Fact]
    public void Without_systemd_nothing_is_sent_and_there_is_no_watchdog()
    {
        using var systemd = Notifier();

        systemd.Ready();
        systemd.Watchdog();

        Assert.Null(systemd.WatchdogInterval);
    }

    [Fact]
    public void A_socket_that_is_gone_costs_a_log_line_and_no_exception()
    {
        using var systemd = Notifier(("NOTIFY_SOCKET", Path.Combine(_directory.FullName, "nobody")));

        Assert.Null(Record.Exception(systemd.Ready));
    }

    [Theory]
    [InlineData("30000000", null, 30)]
    [InlineData("30000000", "own", 30)]
    [InlineData("30000000", "1", null)]
    [InlineData("0", null, null)]
    [InlineData("soon", null, null)]
    [InlineData(null, null, null)]
    public void The_watchdog_is_on_only_when_it_is_meant_for_this_process(string? microseconds, string? pid, int? seconds)
    {
        using var systemd = Notifier(
            ("WATCHDOG_USEC", microseconds),
            ("WATCHDOG_PID", pid == "own" ? Environment.ProcessId.ToString(CultureInfo.InvariantCulture) : pid));

        Assert.Equal(seconds is null ? null : TimeSpan.FromSeconds(seconds.Value), systemd.WatchdogInterval);
    }

    [Fact]
    public async Task A_unit_is_started_by_its_name()
    {
        using var systemd = NotifierWith($"echo \"$@\" >{_directory.FullName}/said");

        await systemd.StartUnitAsync("docker.service", CancellationToken.None);

        Assert.Equal("start -- docker.service\n", await File.ReadAllTextAsync(Path.Combine(_directory.FullName, "said")));
    }

    [Fact]
    public async Task A_unit_that_does_not_start_is_reported_in_systemctls_own_words()
    {
        using var systemd = NotifierWith("echo 'Unit nosuch.service not found.' >&2; exit 5");

        var e = await Assert.ThrowsAsync<SystemdException>(() => systemd.StartUnitAsync("nosuch.service", CancellationToken.None));

        Assert.Contains("nosuch.service ended with 5: Unit nosuch.service not found.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_unit_that_takes_too_long_is_given_up_and_named()
    {
        using var systemd = NotifierWith("exec tail -f /dev/null");

        var starting = systemd.StartUnitAsync("slow.service", CancellationToken.None);
        _clock.Advance(TimeSpan.FromSeconds(90));

        var e = await Assert.ThrowsAsync<SystemdException>(() => starting);
        Assert.Contains("slow.service did not end within 90 s", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Giving_up_the_wait_is_no_failure_of_the_unit()
    {
        using var systemd = NotifierWith("exec tail -f /dev/null");
        using var caller = new CancellationTokenSource();

        var starting = systemd.StartUnitAsync("slow.service", caller.Token);
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting);
    }

    [Theory]
    [InlineData("36319852", 36319852L)]
    [InlineData("", null)]
    public async Task When_units_were_loaded_is_asked_of_systemctl(string answer, long? loadedAt)
    {
        using var systemd = NotifierWith($"echo \"$@\" >{_directory.FullName}/said; echo {answer}");

        Assert.Equal(loadedAt, await systemd.UnitsLoadedAtAsync(CancellationToken.None));
        Assert.Equal("show --property=UnitsLoadTimestampMonotonic --value\n", await File.ReadAllTextAsync(
            Path.Combine(_directory.FullName, "said")));
    }

    [Fact]
    public async Task A_systemd_that_cannot_be_asked_is_reported_in_systemctls_own_words()
    {
        using var systemd = NotifierWith("echo 'Failed to connect to bus' >&2; exit 1");

        var e = await Assert.ThrowsAsync<SystemdException>(() => systemd.UnitsLoadedAtAsync(CancellationToken.None));

        Assert.Contains("ended with 1: Failed to connect to bus", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_machine_without_systemctl_is_told_so()
    {
        using var systemd = new SystemdNotifier(
            Options.Create(new SystemdOptions { Systemctl = "/nowhere/systemctl" }), _clock, NullLogger<SystemdNotifier>.Instance,
            _ => null);

        var e = await Assert.ThrowsAsync<SystemdException>(() => systemd.StartUnitAsync("docker.service", CancellationToken.None));

        Assert.Contains("docker.service cannot be started: /nowhere/systemctl cannot be run: No such file or "
            + "directory", e.Message, StringComparison.Ordinal);
    }

    private SystemdNotifier Notifier(params (string Name, string? Value)[] environment) => Notifier(3, environment);

    private SystemdNotifier Notifier(int firstStoredFile, params (string Name, string? Value)[] environment) => new(
        Options.Create(new SystemdOptions()),
        _clock,
        NullLogger<SystemdNotifier>.Instance,
        name => environment.FirstOrDefault(v => v.Name == name).Value,
        firstStoredFile);

    private SystemdNotifier NotifierWith(string script)
    {
        var program = Path.Combine(_directory.FullName, "systemctl");
        ExecutableFile.WriteScript(program, script);
        return new SystemdNotifier(
            Options.Create(new SystemdOptions { Systemctl = program }), _clock, NullLogger<SystemdNotifier>.Instance, _ => null);
    }
}
