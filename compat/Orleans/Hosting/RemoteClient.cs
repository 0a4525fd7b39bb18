using Microsoft.Extensions.Hosting;

namespace Orleans.Runtime;

/// <summary>Says what this stand-in cannot do.</summary>
internal sealed class RemoteClient : IHostedService
{
    public static OrleansConfigurationException NotHere() => new(
        "A client in another process than its silo needs the real Microsoft.Orleans.Client package; this build runs on compat/Orleans, which is one process. "
        + "Build where the NuGet feed has Microsoft Orleans, or run silo and client in one process (UseOrleans).");

    public Task StartAsync(CancellationToken cancellationToken) => Task.FromException(NotHere());

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
