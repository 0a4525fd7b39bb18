using Orleans.Concurrency;

namespace HostService.GrainInterfaces.Fleet;

/// <summary>
/// One host, as a part of the fleet: its relay keeps a connection to one of the fleet's silos, and calls reach the host through it. Key:
/// the host's instance name. Calls interleave. One that the host does not answer, or answers with an error, throws
/// <see cref="HostAwayException"/>, and nothing else; whether the host has done what it was asked for is then not known.
/// </summary>
public interface IFleetHostGrain : IGrainWithStringKey, IHostCalls
{
    /// <summary>The host's relay has connected; calls go this way from now on.</summary>
    [AlwaysInterleave]
    Task Connected(IHostConnection connection);

    /// <summary>This connection is lost. Does nothing where another one has taken its place.</summary>
    [AlwaysInterleave]
    Task Disconnected(IHostConnection connection);

    /// <summary>
    /// Takes what the host says of itself. Without effect from a connection that is lost, or that another one has replaced, which reports.
    /// </summary>
    [AlwaysInterleave]
    Task Report(IHostConnection connection, HostReport report);
}

/// <summary>The way to a host, from the process of the fleet that its relay is connected to.</summary>
public interface IHostConnection : IGrainObserver, IHostCalls;

/// <summary>What the fleet asks of a host.</summary>
public interface IHostCalls
{
    /// <summary>See <see cref="IHostGrain.Reserve"/>.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task<string?> Reserve(string mandelboxId);

    /// <summary>See <see cref="IHostGrain.CancelReservation"/>.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task CancelReservation(string mandelboxId);

    /// <summary>See <see cref="IMandelboxGrain.SpinUp"/>.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<SpinUpAnswer> SpinUp(string mandelboxId, SpinUpRequest request);

    /// <summary>See <see cref="IMandelboxGrain.Stop"/>.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<bool> Stop(string mandelboxId, string reason);

    /// <summary>What the host knows of a mandelbox, or of the last one of this id that has gone; null when there was none.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task<MandelboxDiagnostics?> Explain(string mandelboxId);

    /// <summary>See <see cref="IHostGrain.RequestShutdown"/>, which never ends a session here.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task Drain(string reason);

    /// <summary>See <see cref="IHostGrain.CancelDrain"/>.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task<string?> CancelDrain();

    /// <summary>
    /// Begins to replace the host service by another version, under its mandelboxes. Returns at once; null when it has begun or is in
    /// progress, else why not. The host's reports tell how it goes (<see cref="HostReport.Upgrade"/>).
    /// </summary>
    /// <param name="attempt">Distinguishes this attempt from others.</param>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task<string?> Upgrade(string version, string attempt);
}

/// <summary>The host cannot be reached now.</summary>
[GenerateSerializer]
public sealed class HostAwayException : Exception
{
    public HostAwayException()
    {
    }

    public HostAwayException(string message)
        : base(message)
    {
    }

    public HostAwayException(string message, Exception? inner)
        : base(message, inner)
    {
    }
}
