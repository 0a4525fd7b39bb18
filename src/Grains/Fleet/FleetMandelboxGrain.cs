using HostService.GrainInterfaces.Fleet;
using Orleans.Storage;

namespace HostService.Grains.Fleet;

/// <summary>
/// Where one mandelbox is. Every call interleaves. At most one spin-up is in progress; only that one places it and, until it has ended,
/// removes the place. Changes of what is stored follow one another.
/// </summary>
public sealed partial class FleetMandelboxGrain(
    [PersistentState("place", FleetStorage.Name)] IPersistentState<FleetPlace> stored,
    TimeProvider timeProvider,
    ILogger<FleetMandelboxGrain> logger) : Grain, IFleetMandelboxGrain
{
    /// <summary>How many hosts a spin-up tries that turn out to be full, or to be unable to make the container.</summary>
    private const int MostHosts = 3;

    /// <summary>Where a host fails in one of these, another one may do better.</summary>
    private static readonly string[] PhasesOfHost =
    [
        SpinUpPhases.Lease, SpinUpPhases.Image, SpinUpPhases.Directories, SpinUpPhases.Devices, SpinUpPhases.Mappings, SpinUpPhases.Create,
    ];

    /// <summary>For all of a call: shorter than its caller waits, longer than <see cref="FleetHostGrain"/> does.</summary>
    private static readonly TimeSpan Limit = GrainCallTimeouts.MandelboxCall - TimeSpan.FromSeconds(2);

    private KeptPlace _kept = null!;
    private FleetSpinUp? _spinUp;

    /// <summary>A host that has reported it although it is on another one.</summary>
    private string? _other;

    private string Id => this.GetPrimaryKeyString();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _kept = new KeptPlace(stored, Id, OnStorageFault);
        return Task.CompletedTask;
    }

    public Task<FleetSpinUpAnswer> SpinUp(SpinUpRequest request, PlacementWishes wishes)
    {
        if (MandelboxIds.Fault(Id) is { } fault)
        {
            return Task.FromResult(Failed(SpinUpPhases.Id, fault));
        }

        if (_spinUp is { } running)
        {
            return running.IsSame(request)
                ? running.Answer
                : Task.FromResult(Failed(SpinUpPhases.Duplicate, $"mandelbox {Id} is being spun up for another user, session or app"));
        }

        var spinUp = _spinUp = new FleetSpinUp(request, wishes, timeProvider.GetTimestamp());
        return spinUp.Answer = RunAsync(spinUp);
    }

    public async Task<bool> Stop(string reason)
    {
        var began = timeProvider.GetTimestamp();
        var spinUp = _spinUp;
        spinUp?.StopReason ??= reason;
        await _kept.ReadAgainAsync();
        var isStopped = _kept.Value is { } place && await StopAtAsync(place, reason, began);
        if (spinUp is null || isStopped)
        {
            return isStopped;
        }

        // The host had nothing yet. What the spin-up has begun by the time it ends is ended then.
        await ((Task)spinUp.Answer).WaitAsync(Remaining(began), timeProvider)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        return _kept.Value is { } begun
            ? await StopAtAsync(begun, reason, began)
            : spinUp.Answer is { IsCompletedSuccessfully: true } ended && (await ended).Answer.Failure?.Phase == SpinUpPhases.Ended;
    }

    public async Task<string?> FindHost()
    {
        await _kept.ReadAgainAsync();
        return _kept.Value?.Host;
    }

    public async Task<bool> Found(string host, string address)
    {
        // The host that the spin-up in progress has left may report it a little longer.
        await _kept.ChangeAsync(place => place is null && _spinUp?.Excluded.Contains(host) != true ? NewPlace(host, address) : place);
        if (_kept.Value is { } other && other.Host != host && _spinUp is null && _other != host)
        {
            // Once: the host says it with each report.
            _other = host;
            LogOnTwoHosts(Id, other.Host, host);
        }

        return _kept.Value?.Host == host;
    }

    public async Task<bool> Gone(string host)
    {
        await _kept.ChangeAsync(place => place?.Host == host && _spinUp is null ? null : place);
        return _kept.Value?.Host != host;
    }

    private static FleetSpinUpAnswer Failed(string phase, string reason, bool isTemporary = false) =>
        new(SpinUpAnswer.Failed(phase, reason), IsTemporary: isTemporary);

    private IFleetHostGrain HostNamed(string host) => GrainFactory.GetGrain<IFleetHostGrain>(host);

    private FleetPlace NewPlace(string host, string address) => new() { Host = host, Address = address, Since = timeProvider.GetUtcNow() };

    private TimeSpan Remaining(long since)
    {
        var remaining = Limit - timeProvider.GetElapsedTime(since);
        return remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero;
    }

    private async Task<FleetSpinUpAnswer> RunAsync(FleetSpinUp spinUp)
    {
        try
        {
            return await SpinUpAsync(spinUp);
        }
        finally
        {
            _spinUp = null;
        }
    }

    private async Task<FleetSpinUpAnswer> SpinUpAsync(FleetSpinUp spinUp)
    {
        FleetSpinUpAnswer? answer = null;
        while (true)
        {
            var (place, refusal) = await FindPlaceAsync(spinUp);
            if (place is null)
            {
                // What the host has said tells more than that there is no further one.
                return answer is not null && !refusal!.IsTemporary ? answer : refusal!;
            }

            var tried = spinUp.Excluded.Count;
            answer = await StartAsync(spinUp, place);
            if (spinUp.Excluded.Count == tried || spinUp.Excluded.Count == MostHosts)
            {
                return answer;
            }
        }
    }

    /// <summary>The host that it has, or a new one, stored; or the answer when there is none.</summary>
    private async Task<(FleetPlace? Place, FleetSpinUpAnswer? Answer)> FindPlaceAsync(FleetSpinUp spinUp)
    {
        try
        {
            await _kept.ReadAgainAsync();
        }
        catch (InvalidOperationException exception)
        {
            return (null, Failed("storage", exception.Message, isTemporary: true));
        }

        if (_kept.Value is { } kept && !(await IsForgottenAsync(kept.Host) && await LeaveAsync(kept)))
        {
            return (kept, null);
        }

        PlacementAnswer placed;
        try
        {
            var request = new PlacementRequest(Id, spinUp.Request.AppName, spinUp.Wishes, spinUp.Excluded.ToArray());
            var placing = GrainFactory.GetGrain<IFleetGrain>(FleetKeys.Fleet).Place(request);
            placing.Ignore();
            placed = await placing.WaitAsync(Remaining(spinUp.Since), timeProvider);
        }
        catch (Exception exception)
        {
            // Nothing is started yet. Room that was reserved expires.
            LogNotPlaced(Id, exception.Message);
            return (null, Failed("placement", "the fleet did not choose a host; repeat the request", isTemporary: true));
        }

        if (placed.Host is not { } host)
        {
            return (null, Failed("placement", placed.Refusal!, placed.IsTemporary));
        }

        return await EnterAsync(spinUp, NewPlace(host, placed.Address ?? ""));
    }

    /// <summary>Whether an operator has said that this host never comes back.</summary>
    private async Task<bool> IsForgottenAsync(string host)
    {
        try
        {
            return await GrainFactory.GetGrain<IFleetGrain>(FleetKeys.Fleet).IsForgotten(host);
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException)
        {
            // Nobody says so.
            return false;
        }
    }

    /// <summary>Stores the new place, before anything is started there.</summary>
    private async Task<(FleetPlace? Place, FleetSpinUpAnswer? Answer)> EnterAsync(FleetSpinUp spinUp, FleetPlace place)
    {
        try
        {
            if (spinUp.StopReason is null)
            {
                await _kept.ChangeAsync(current => current ?? place);
            }
        }
        catch (InvalidOperationException exception)
        {
            _ = CancelReservationAsync(place.Host);
            return (null, Failed("storage", $"nothing was started: {exception.Message}", isTemporary: true));
        }

        if (!ReferenceEquals(_kept.Value, place) || spinUp.StopReason is not null)
        {
            _ = CancelReservationAsync(place.Host);
        }

        if (spinUp.StopReason is { } stop && (_kept.Value is null || ReferenceEquals(_kept.Value, place)))
        {
            await LeaveAsync(place);
            return (null, Failed(SpinUpPhases.Ended, $"it was ended while it was being started: {stop}"));
        }

        // Another host has reported meanwhile that it has the mandelbox: then it is there.
        return (_kept.Value, null);
    }

    private async Task<FleetSpinUpAnswer> StartAsync(FleetSpinUp spinUp, FleetPlace place)
    {
        SpinUpAnswer answer;
        try
        {
            var starting = HostNamed(place.Host).SpinUp(Id, spinUp.Request);
            starting.Ignore();
            answer = await starting.WaitAsync(Remaining(spinUp.Since), timeProvider);
        }
        catch (Exception exception)
        {
            // The place stays: the mandelbox may be coming up there.
            LogUnanswered(Id, place.Host, exception.Message);
            var why = exception is HostAwayException ? exception.Message : $"host {place.Host} did not answer in time";
            var reason = $"{why}; mandelbox {Id} may be coming up on host {place.Host}: repeat the request";
            return new FleetSpinUpAnswer(SpinUpAnswer.Failed("host", reason), place.Host, place.Address, IsTemporary: true);
        }

        if (answer.Failure is not { } failure)
        {
            return new FleetSpinUpAnswer(answer, place.Host, place.Address);
        }

        if (failure.Phase == SpinUpPhases.KeyLost && await EndWithoutKeyAsync(spinUp, place))
        {
            return await StartAsync(spinUp, place);
        }

        // Some failures come before the host has asked for what is reserved.
        _ = CancelReservationAsync(place.Host);
        if (failure.Phase is SpinUpPhases.Duplicate or SpinUpPhases.KeyLost)
        {
            // The host has it: for another user or session, or is still taking it down, or has not ended it.
            return new FleetSpinUpAnswer(answer, place.Host, place.Address, IsTemporary: failure.Phase == SpinUpPhases.KeyLost);
        }

        if (await LeaveAsync(place) && PhasesOfHost.Contains(failure.Phase))
        {
            spinUp.Excluded.Add(place.Host);
        }

        return new FleetSpinUpAnswer(answer, IsTemporary: failure.Phase == SpinUpPhases.Lease);
    }

    /// <summary>
    /// Ends one whose host crashed before it was up: nobody can connect to it. Once for each spin-up.
    /// </summary>
    private async Task<bool> EndWithoutKeyAsync(FleetSpinUp spinUp, FleetPlace place)
    {
        if (spinUp.HasEndedOneWithoutKey)
        {
            return false;
        }

        spinUp.HasEndedOneWithoutKey = true;
        try
        {
            var stopping = HostNamed(place.Host).Stop(Id, "its key was lost in a crash of the host service, and its user asks for it");
            stopping.Ignore();
            return await stopping.WaitAsync(Remaining(spinUp.Since), timeProvider);
        }
        catch (Exception exception)
        {
            LogUnanswered(Id, place.Host, exception.Message);
            return false;
        }
    }

    private async Task<bool> StopAtAsync(FleetPlace place, string reason, long began)
    {
        string fault;
        try
        {
            var stopping = HostNamed(place.Host).Stop(Id, reason);
            stopping.Ignore();
            var isStopped = await stopping.WaitAsync(Remaining(began), timeProvider);
            if (_spinUp is null)
            {
                await LeaveAsync(place);
            }

            return isStopped;
        }
        catch (Exception exception) when (exception is not HostAwayException)
        {
            fault = $"host {place.Host} did not answer in time: {exception.Message}";
        }

        throw new HostAwayException(fault);
    }

    /// <summary>
    /// Forgets the place. False when the storage fails: then it stays until the host says again that it has not the mandelbox.
    /// </summary>
    private async Task<bool> LeaveAsync(FleetPlace place)
    {
        try
        {
            await _kept.ChangeAsync(current => current == place ? null : current);
            return true;
        }
        catch (InvalidOperationException exception)
        {
            // The next spin-up goes to this host again, which starts it or refuses.
            LogNotLeft(Id, place.Host, exception.Message);
            return false;
        }
    }

    private async Task CancelReservationAsync(string host)
    {
        try
        {
            await HostNamed(host).CancelReservation(Id);
        }
        catch (Exception exception)
        {
            // It ends by itself after HostReservations.Lasting.
            LogNotCancelled(host, Id, exception.Message);
        }
    }

    private void OnStorageFault(Exception exception)
    {
        LogStorageFailed(Id, exception.Message);
        if (exception is InconsistentStateException)
        {
            // Another activation has written.
            DeactivateOnIdle();
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId} is on host {Host}, and host {Other} reports that it has it, too")]
    private partial void LogOnTwoHosts(string mandelboxId, string host, string other);

    [LoggerMessage(Level = LogLevel.Warning, Message = "No host was chosen for mandelbox {MandelboxId}: {Why}")]
    private partial void LogNotPlaced(string mandelboxId, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Host {Host} did not answer the spin-up of mandelbox {MandelboxId}: {Why}")]
    private partial void LogUnanswered(string mandelboxId, string host, string why);

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId} is still entered for host {Host}, which has not got it: {Why}")]
    private partial void LogNotLeft(string mandelboxId, string host, string why);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Host {Host} may keep room for mandelbox {MandelboxId} until that expires; it was not told that it need not: {Why}")]
    private partial void LogNotCancelled(string host, string mandelboxId, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "The storage failed for the place of mandelbox {MandelboxId}: {Why}")]
    private partial void LogStorageFailed(string mandelboxId, string why);
}
