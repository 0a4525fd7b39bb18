using HostService.Infrastructure.Linux.Processes;

namespace HostService.Infrastructure.Linux.Power;

/// <summary>Turns the machine off (B1, B30).</summary>
public interface IPower
{
    /// <summary>Returns once the system has accepted the request.</summary>
    Task ShutDownAsync(CancellationToken cancellationToken);
}

/// <summary>Runs <c>shutdown now</c>.</summary>
public sealed class SystemPower(TimeProvider timeProvider) : IPower
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    public Task ShutDownAsync(CancellationToken cancellationToken) =>
        ProgramRunner.RunAsync("shutdown", ["now"], "", Timeout, timeProvider, cancellationToken);
}

/// <summary>For machines that this service does not manage (<c>Host:ManageSystem</c> is false).</summary>
public sealed class NoPower : IPower
{
    public Task ShutDownAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
