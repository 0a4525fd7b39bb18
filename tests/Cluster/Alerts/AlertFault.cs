using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster.Alerts;

/// <summary>What makes an alert fire.</summary>
/// <param name="Make">Makes the fault in the service that runs.</param>
internal sealed record AlertFault(Func<AlertRun, Task> Make)
{
    public AlertFault(Action<AlertRun> make)
        : this(run =>
        {
            make(run);
            return Task.CompletedTask;
        })
    {
    }

    /// <summary>Settings of the service.</summary>
    public IReadOnlyList<(string Key, string Value)> Settings { get; init; } = [];

    /// <summary>What the service gets of the machine and the backend.</summary>
    public Action<AlertRun, IServiceCollection> Replace { get; init; } = (_, _) => { };

    /// <summary>How often the service crashes before.</summary>
    public int Crashes { get; init; }
}
