using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>
/// Keeps a rollout, and has hosts upgraded as <see cref="RolloutPlan"/> says. One call at a time. A host's upgrade is kept before the host
/// is asked, so that after a crash no more are upgraded at a time than may be.
/// </summary>
public sealed partial class FleetRolloutGrain(
    [PersistentState("rollout", FleetStorage.Name)] IPersistentState<KeptRollout> stored,
    IOptions<FleetOptions> options,
    TimeProvider timeProvider,
    ILogger<FleetRolloutGrain> logger) : Grain, IFleetRolloutGrain
{
    private readonly KeptState<KeptRollout> _kept = new(stored);

    private KeptRollout? Kept => _kept.Value.Request is null ? null : _kept.Value;

    private IFleetGrain Fleet => GrainFactory.GetGrain<IFleetGrain>(FleetKeys.Fleet);

    public async Task<string?> Start(RolloutRequest request)
    {
        if (request.Fault() is { } fault)
        {
            return fault;
        }

        await _kept.ReadAgainAsync();
        if (Kept is { State: RolloutState.Running or RolloutState.Halted } other)
        {
            // A request that is repeated because its answer was lost.
            return other.State == RolloutState.Running && other.Request == request
                ? null
                : $"the rollout of {other.Request!.Version} is {MetricLabels.Of(other.State)}; abort it first";
        }

        await _kept.WriteAsync(new KeptRollout { Request = request, StartedAt = timeProvider.GetUtcNow() });
        LogStarted(request.Version, request.MaxUnavailable, request.MinFree);
        return null;
    }

    public async Task<Rollout?> Find()
    {
        await _kept.ReadAgainAsync();
        return Kept is { } rollout ? PlanOf(rollout, await Fleet.ListHosts()).Describe() : null;
    }

    public async Task<string?> Resume()
    {
        await _kept.ReadAgainAsync();
        if (Kept is not { State: RolloutState.Halted } halted)
        {
            return "no rollout has halted";
        }

        // One that failed is pending again; others were being upgraded all the time.
        var now = timeProvider.GetUtcNow();
        await _kept.WriteAsync(halted with
        {
            State = RolloutState.Running,
            Why = null,
            Upgrading = [.. halted.Upgrading.Where(host => host.Fault is null).Select(host => host with { Since = now })],
        });
        LogResumed(halted.Request!.Version);
        return null;
    }

    public async Task<string?> Abort()
    {
        await _kept.ReadAgainAsync();
        if (Kept is not { State: RolloutState.Running or RolloutState.Halted } rollout)
        {
            return "no rollout is in progress";
        }

        var why = rollout.Why is { } halted ? $"an operator ended it, when it had halted: {halted}" : "an operator ended it";
        await _kept.WriteAsync(rollout with { State = RolloutState.Aborted, Why = why });
        LogAborted(rollout.Request!.Version);
        return null;
    }

    public async Task Forget(string host)
    {
        await _kept.ReadAgainAsync();
        if (Kept is { } rollout && rollout.Hosts.Contains(host))
        {
            await _kept.WriteAsync(rollout with
            {
                Hosts = [.. rollout.Hosts.Where(other => other != host)],
                Upgrading = [.. rollout.Upgrading.Where(other => other.Host != host)],
            });
        }
    }

    public async Task Continue()
    {
        await _kept.ReadAgainAsync();
        if (Kept is not { State: RolloutState.Running } rollout)
        {
            return;
        }

        var (next, ask) = PlanOf(rollout, await Fleet.ListHosts()).Next();
        if (!IsSame(next, rollout))
        {
            await _kept.WriteAsync(next);
        }

        switch (next.State)
        {
            case RolloutState.Halted:
                LogHalted(next.Request!.Version, next.Why!);
                break;
            case RolloutState.Done:
                LogDone(next.Request!.Version);
                break;
        }

        foreach (var upgrade in ask)
        {
            await AskAsync(upgrade);
        }
    }

    private async Task AskAsync(HostInUpgrade upgrade)
    {
        var version = Kept!.Request!.Version;
        LogUpgrades(upgrade.Host, version);
        string? refusal;
        try
        {
            refusal = await GrainFactory.GetGrain<IFleetHostGrain>(upgrade.Host).Upgrade(version, upgrade.Attempt);
        }
        catch (HostAwayException exception)
        {
            // It may have begun; its reports tell, and it is asked again if not.
            LogNoAnswer(upgrade.Host, exception.Message);
            return;
        }

        if (refusal is not null)
        {
            refusal = RolloutPlan.OneLine(refusal);
            await _kept.WriteAsync(Kept with
            {
                State = RolloutState.Halted,
                Why = $"{upgrade.Host}: {refusal}",
                Upgrading = [.. Kept.Upgrading.Select(other => other == upgrade ? upgrade with { Fault = refusal } : other)],
            });
            LogHalted(version, $"{upgrade.Host}: {refusal}");
        }
    }

    private RolloutPlan PlanOf(KeptRollout rollout, IReadOnlyList<FleetHost> hosts) =>
        new(rollout, hosts, timeProvider.GetUtcNow(), options.Value.RolloutTimeout);

    private static bool IsSame(KeptRollout one, KeptRollout other) =>
        one.State == other.State && one.Hosts.SequenceEqual(other.Hosts) && one.Upgrading.SequenceEqual(other.Upgrading);

    [LoggerMessage(
        LogLevel.Information, "Rollout of {Version} begins: at most {MaxUnavailable} hosts at a time, room for {MinFree} on the others")]
    private partial void LogStarted(string version, int maxUnavailable, int minFree);

    [LoggerMessage(LogLevel.Information, "Host {Host} is asked to upgrade to {Version}")]
    private partial void LogUpgrades(string host, string version);

    [LoggerMessage(LogLevel.Warning, "Host {Host} did not say whether it begins its upgrade: {Why}")]
    private partial void LogNoAnswer(string host, string why);

    [LoggerMessage(LogLevel.Error, "Rollout of {Version} has halted: {Why}. Resume or abort it: host-service fleet rollout")]
    private partial void LogHalted(string version, string why);

    [LoggerMessage(LogLevel.Information, "Rollout of {Version} goes on")]
    private partial void LogResumed(string version);

    [LoggerMessage(LogLevel.Information, "Rollout of {Version} is aborted")]
    private partial void LogAborted(string version);

    [LoggerMessage(LogLevel.Information, "Rollout of {Version} is done: all hosts have it")]
    private partial void LogDone(string version);
}
