using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Orleans.TestingHost;

/// <summary>A test cluster's client: options and filters of its own, into a silo of the same process.</summary>
internal sealed class TestClient(IHost host, ITimer overdue) : IAsyncDisposable
{
    public IClusterClient Client => host.Services.GetRequiredService<IClusterClient>();

    /// <summary>Turns a host that <c>UseOrleansClient</c> configured into a client of <paramref name="silo"/>.</summary>
    public static void Connect(IServiceCollection services, SiloRuntime silo)
    {
        services.Remove(services.First(d => d.ImplementationType == typeof(RemoteClient)));
        services.RemoveAll<IClusterClient>();
        services.RemoveAll<IGrainFactory>();
        services.AddSingleton(sp => new CallRuntime(
            silo, sp.GetRequiredService<IOptions<ClientMessagingOptions>>().Value, sp.GetServices<IOutgoingGrainCallFilter>(),
            sp.GetRequiredService<ILogger<ClusterClient>>()));
        services.AddSingleton<IGrainFactory>(sp => sp.GetRequiredService<CallRuntime>().Factory);
        services.AddSingleton<IClusterClient>(sp => new ClusterClient(sp.GetRequiredService<CallRuntime>().Factory, sp));
    }

    public static async Task<TestClient> Start(IHost host)
    {
        await host.StartAsync();
        var calls = host.Services.GetRequiredService<CallRuntime>();
        return new TestClient(host, calls.Silo.WatchOverdue(calls));
    }

    public async ValueTask DisposeAsync()
    {
        await overdue.DisposeAsync();
        await host.StopAsync();
        host.Dispose();
    }
}
