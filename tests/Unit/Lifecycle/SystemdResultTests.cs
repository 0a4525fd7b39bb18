using HostService.Silo.Lifecycle;

namespace HostService.Tests.Unit.Lifecycle;

/// <summary>Which ends the service could not report by itself, by the variables that systemd gives to <c>ExecStopPost=</c>.</summary>
public sealed class SystemdResultTests
{
    [Theory]
    [InlineData("success", "exited", "0")]
    [InlineData("exit-code", "exited", "1")]
    [InlineData("exit-code", "exited", "2")]
    [InlineData("exit-code", "exited", "3")]
    [InlineData("exit-code", "exited", "4")]
    [InlineData("timeout", "exited", "0")] // TimeoutStartSec: told by TERM, it ended.
    [InlineData("oom-kill", "exited", "0")] // A child was killed: told by TERM, it ended.
    [InlineData("protocol", "exited", "0")] // It ended before it was ready.
    [InlineData("success", "killed", "TERM")] // Before it had a handler.
    [InlineData("success", null, null)] // Stopped before it was started.
    public void A_service_that_ended_by_itself_has_said_all(string result, string? code, string? status) =>
        Assert.Null(SystemdResult.CauseOf(result, code, status));

    [Theory]
    [InlineData("signal", "killed", "KILL", "killed by SIGKILL")]
    [InlineData("core-dump", "dumped", "SEGV", "killed by SIGSEGV")]
    [InlineData("oom-kill", "killed", "KILL", "killed by SIGKILL (oom-kill)")]
    [InlineData("watchdog", "dumped", "ABRT", "killed by SIGABRT (watchdog)")]
    [InlineData("watchdog", "killed", "KILL", "killed by SIGKILL (watchdog)")]
    [InlineData("timeout", "killed", "KILL", "killed by SIGKILL (timeout)")]
    [InlineData("exit-code", "exited", "131", "ended with exit code 131")]
    [InlineData("exit-code", "exited", "203", "ended with exit code 203")]
    [InlineData("resources", null, null, "not started (resources)")]
    public void Any_other_end_has_a_cause(string result, string? code, string? status, string cause) =>
        Assert.Equal(cause, SystemdResult.CauseOf(result, code, status));
}
