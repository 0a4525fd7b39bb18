using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>
/// The fleet. What it knows is in memory only: on another silo it knows each host again with that host's next report. One that no longer
/// reports is then unknown.
/// </summary>
[KeepAlive]
public sealed partial class FleetGrain : Grain, IFleetGrain
{
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<FleetGrain> _logger;
    private readonly PlacementScheduler _scheduler;
    private readonly FleetRegistry _registry;
    private readonly FleetHistory _history = new();
    private string? _registryFault;

    public FleetGrain(
        IGrainFactory grains, IOptions<FleetOptions> options, TimeProvider timeProvider, ILogger<FleetGrain> logger)
    {
        (_timeProvider, _logger) = (timeProvider, logger);
        _scheduler = new PlacementScheduler(options.Value, timeProvider);
        _registry = new FleetRegistry(grains.GetGrain<IFleetRegistryGrain>(FleetKeys.Fleet), _scheduler, timeProvider, NotKept);
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _registry.Begin();
        return Task.CompletedTask;
    }

    public Task Report(HostReport report)
    {
        _registry.Reported(report.Host, isNew: _scheduler.Report(report));
        _history.Add(() => _scheduler.Hosts, _timeProvider.GetUtcNow());
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
            _registry.Forget(host);
        }

        return Task.FromResult(refusal);
    }

    // An array: what crosses a grain call needs a type that has a copier.
    public Task<IReadOnlyList<FleetHost>> ListHosts() => Task.FromResult<IReadOnlyList<FleetHost>>(_scheduler.Hosts.ToArray());

    public Task<bool> IsForgotten(string host) => Task.FromResult(_registry.IsForgotten(host));

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
        await Task.WhenAny(placement.Answer, Task.Delay(_scheduler.Limit, _timeProvider, answered.Token));
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

    private void NotKept(Exception exception)
    {
        // Once for each cause: it is tried again and again.
        if (_registryFault != exception.Message)
        {
            _registryFault = exception.Message;
            LogNotKept(exception.Message);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The list of hosts is not kept: after a restart, hosts that are away would be unknown. It is tried again: {Why}")]
    private partial void LogNotKept(string why);

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
