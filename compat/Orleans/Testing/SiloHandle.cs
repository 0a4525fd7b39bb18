using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Runtime;

namespace Orleans.TestingHost;

/// <summary>A silo of a test cluster.</summary>
public abstract class SiloHandle : IDisposable, IAsyncDisposable
{
    public TestClusterOptions? ClusterOptions { get; set; }

    public string Name { get; set; } = null!;

    public short InstanceNumber { get; set; }

    public SiloAddress SiloAddress { get; set; } = null!;

    public SiloAddress GatewayAddress { get; set; } = null!;

    public abstract bool IsActive { get; }

    public abstract Task StopSiloAsync(bool stopGracefully);

    public abstract Task StopSiloAsync(CancellationToken ct);

    public abstract ValueTask DisposeAsync();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    public override string ToString() => $"{Name} {SiloAddress}";

    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>A silo in this process.</summary>
public class InProcessSiloHandle : SiloHandle
{
    private int _stopped;

    public IHost SiloHost { get; init; } = null!;

    public IServiceProvider ServiceProvider => SiloHost.Services;

    public override bool IsActive => Volatile.Read(ref _stopped) == 0;

    internal SiloRuntime Runtime => ServiceProvider.GetRequiredService<SiloRuntime>();

    public override async Task StopSiloAsync(bool stopGracefully)
    {
        using var hurry = new CancellationTokenSource();
        if (!stopGracefully)
            await hurry.CancelAsync();
        await StopSiloAsync(hurry.Token);
    }

    public override async Task StopSiloAsync(CancellationToken ct)
    {
        if (Interlocked.Exchange(ref _stopped, 1) == 0)
            await SiloHost.StopAsync(ct);
    }

    public override async ValueTask DisposeAsync()
    {
        await StopSiloAsync(true);
        if (SiloHost is IAsyncDisposable disposable)
            await disposable.DisposeAsync();
        else
            SiloHost.Dispose();
        GC.SuppressFinalize(this);
    }

    internal static InProcessSiloHandle Of(IHost host, string name, short number)
    {
        var address = host.Services.GetRequiredService<SiloRuntime>().Address;
        return new InProcessSiloHandle { SiloHost = host, Name = name, InstanceNumber = number, SiloAddress = address, GatewayAddress = address };
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            DisposeAsync().AsTask().GetAwaiter().GetResult();
        base.Dispose(disposing);
    }
}
