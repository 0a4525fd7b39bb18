using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>
/// The fleet. What it knows is in memory only: on another silo it knows each host again with that host's next report. One that no longer
/// reports is then unknown.
/// </summary>
[KeepAlive]
public sealed partial class FleetGrain(IOptions<FleetOptions> options, TimeProvider timeProvider, ILogger<FleetGrain> logger)
    : Grain, IFleetGrain
{
    private readonly PlacementScheduler _scheduler = new(options.Value, timeProvider);
    private readonly FleetHistory _history = new();

    public Task Report(HostReport report)
    {
        _scheduler.Report(report);
        _history.Add(() => _scheduler.Hosts, timeProvider.GetUtcNow());
        AskHosts();
        return Task.CompletedTask;
    }

    public Task SetAway(string host, string why)
    {
        LogAway(host, why);
        _scheduler.SetAway(host, why);
        AskHosts();
        return Task.CompletedTask;
    }

    public Task<string?> Forget(string host)
    {
        var refusal = _scheduler.Forget(host);
        if (refusal is null)
        {
            LogForgotten(host);
        }

        return Task.FromResult(refusal);
    }

    // An array: what crosses a grain call needs a type that has a copier.
    public Task<IReadOnlyList<FleetHost>> ListHosts() => Task.FromResult<IReadOnlyList<FleetHost>>(_scheduler.Hosts.ToArray());

    public Task<IReadOnlyList<FleetSample>> ReadHistory() => Task.FromResult<IReadOnlyList<FleetSample>>(_history.Samples.ToArray());

    public Task<PlacementAnswer> Place(PlacementRequest request)
    {
        if (_scheduler.Find(request.MandelboxId) is { } same)
        {
            return same.Answer;
        }

        var placement = _scheduler.Add(request);
        AskHosts();
        return WaitAsync(placement);
    }

    private async Task<PlacementAnswer> WaitAsync(Placement placement)
    {
        using var answered = new CancellationTokenSource();
        await Task.WhenAny(placement.Answer, Task.Delay(_scheduler.Limit, timeProvider, answered.Token));
        await answered.CancelAsync();
        if (!placement.Answer.IsCompleted)
        {
            _scheduler.GiveUp(placement);
            AskHosts();
        }

        var answer = await placement.Answer;
        if (answer.Refusal is { } refusal)
        {
            LogRefused(placement.Request.MandelboxId, refusal);
        }

        return answer;
    }

    private void AskHosts()
    {
        foreach (var placement in _scheduler.Next())
        {
            _ = AskAsync(placement, placement.AskedHost!);
        }
    }

    private async Task AskAsync(Placement placement, string name)
    {
        var id = placement.Request.MandelboxId;
        var host = GrainFactory.GetGrain<IFleetHostGrain>(name);
        var isKept = true;
        try
        {
            if (await host.Reserve(id) is { } refusal)
            {
                _scheduler.Refused(placement, refusal);
            }
            else
            {
                isKept = _scheduler.Reserved(placement);
            }
        }
        catch (Exception exception)
        {
            // Whatever it is, another host may take the mandelbox.
            LogNotAsked(name, id, exception.Message);
            _scheduler.Unanswered(placement, exception is HostAwayException ? exception.Message : "it did not answer");
            isKept = false;
        }

        AskHosts();
        if (!isKept)
        {
            await CancelAsync(host, name, id);
        }
    }

    private async Task CancelAsync(IFleetHostGrain host, string name, string id)
    {
        try
        {
            await host.CancelReservation(id);
        }
        catch (Exception exception)
        {
            // It ends by itself after HostReservations.Lasting.
            LogNotCancelled(name, id, exception.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Host {Host} is away: {Why}")]
    private partial void LogAway(string host, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "Host {Host} is no longer of this fleet: an operator asked for it")]
    private partial void LogForgotten(string host);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Mandelbox {MandelboxId} gets no place: {Refusal}")]
    private partial void LogRefused(string mandelboxId, string refusal);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Host {Host} did not say whether it takes mandelbox {MandelboxId}: {Why}")]
    private partial void LogNotAsked(string host, string mandelboxId, string why);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Host {Host} may keep room for mandelbox {MandelboxId} until that expires; it was not told that it need not: {Why}")]
    private partial void LogNotCancelled(string host, string mandelboxId, string why);
}
