namespace HostService.Silo.Hosting;

/// <summary>Begins with the machine's clock, and goes on evenly when that is set.</summary>
public sealed class SteadyClock : TimeProvider
{
    private readonly DateTimeOffset _began = DateTimeOffset.UtcNow;
    private readonly long _timestamp = System.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => _began + GetElapsedTime(_timestamp);
}

public static class SteadyClockExtensions
{
    /// <summary>
    /// For the collection of idle grains. With the machine's clock Orleans activates no grain after that has been set back, until it is
    /// there again.
    /// </summary>
    public static ISiloBuilder UseSteadyClock(this ISiloBuilder silo) => silo.ConfigureServices(
        services => services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.ActivationManagement, new SteadyClock()));
}
