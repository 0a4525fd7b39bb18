using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.SignalR;

namespace HostService.Gateway.Fleet;

/// <summary>The way to a host through the connection of its relay. Made for each connection.</summary>
internal sealed class RelayConnection(string host, ISingleClientProxy relay) : IHostConnection
{
    public Task<string?> Reserve(string mandelboxId) =>
        CallAsync<string?>(GrainCallTimeouts.HostCall, nameof(Reserve), mandelboxId);

    public Task CancelReservation(string mandelboxId) =>
        CallAsync<bool>(GrainCallTimeouts.HostCall, nameof(CancelReservation), mandelboxId);

    public Task<SpinUpAnswer> SpinUp(string mandelboxId, SpinUpRequest request) =>
        CallAsync<SpinUpAnswer>(GrainCallTimeouts.MandelboxCall, nameof(SpinUp), mandelboxId, request);

    public Task<bool> Stop(string mandelboxId, string reason) =>
        CallAsync<bool>(GrainCallTimeouts.MandelboxCall, nameof(Stop), mandelboxId, reason);

    public Task<MandelboxDiagnostics?> Explain(string mandelboxId) =>
        CallAsync<MandelboxDiagnostics?>(GrainCallTimeouts.HostCall, nameof(Explain), mandelboxId);

    public Task Drain(string reason) => CallAsync<bool>(GrainCallTimeouts.HostCall, nameof(Drain), reason);

    public Task<string?> CancelDrain() => CallAsync<string?>(GrainCallTimeouts.HostCall, nameof(CancelDrain));

    public Task<string?> Upgrade(string version, string attempt) =>
        CallAsync<string?>(GrainCallTimeouts.HostCall, nameof(Upgrade), version, attempt);

    /// <summary>The caller gives up before: this only ends calls that nobody answers.</summary>
    private async Task<T> CallAsync<T>(TimeSpan timeout, string method, params object?[] arguments)
    {
        using var late = new CancellationTokenSource(timeout);
        try
        {
            return await relay.InvokeCoreAsync<T>(method, arguments, late.Token);
        }
        catch (OperationCanceledException exception)
        {
            throw new HostAwayException($"host {host} did not answer within {timeout.TotalSeconds:0} s", exception);
        }
        catch (IOException exception)
        {
            throw new HostAwayException($"the connection to host {host} is lost", exception);
        }
        catch (HubException exception)
        {
            throw new HostAwayException($"host {host} could not be asked: {exception.Message}", exception);
        }
    }
}
