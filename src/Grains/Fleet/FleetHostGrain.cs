using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>
/// The way to one host. Which connection leads to it is in memory: after a move to another silo, the next report tells.
/// </summary>
[KeepAlive]
public sealed partial class FleetHostGrain : Grain, IFleetHostGrain
{
    /// <summary>Shorter than <see cref="GrainCallTimeouts.Host"/>, so that the caller is told what happened.</summary>
    private static readonly TimeSpan FromMemory = TimeSpan.FromSeconds(4);

    /// <summary>Longer than a host takes to answer, and shorter than the caller waits.</summary>
    private static readonly TimeSpan FromMandelbox = GrainCallTimeouts.MandelboxCall - TimeSpan.FromSeconds(5);

    /// <summary>
    /// Hosts report every 2 s. As long as one connection, or one run of the host, reports, another one's report is a late one. After such
    /// a silence it is the host that goes on there.
    /// </summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(6);

    private readonly TimeProvider _timeProvider;
    private readonly ILogger<FleetHostGrain> _logger;
    private readonly RepeatedWork _fleetWork;
    private readonly RepeatedWork _mandelboxWork;
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private IHostConnection? _connection;
    private IHostConnection? _lost;
    private IHostConnection? _rival;
    private long _heardAt;
    private HostReport? _report;

    public FleetHostGrain(TimeProvider timeProvider, ILogger<FleetHostGrain> logger)
    {
        (_timeProvider, _logger) = (timeProvider, logger);

        // Apart from each other: a mandelbox whose storage is slow must not make its host seem away.
        _fleetWork = new RepeatedWork(TellFleetAsync, exception => LogFleetNotTold(Name, exception.Message));
        _mandelboxWork = new RepeatedWork(TellMandelboxesAsync, exception => LogMandelboxesNotTold(Name, exception.Message));
    }

    private string Name => this.GetPrimaryKeyString();

    private IFleetGrain Fleet => GrainFactory.GetGrain<IFleetGrain>(FleetKeys.Fleet);

    public Task Connected(IHostConnection connection)
    {
        LogConnected(Name);
        Adopt(connection);
        return Task.CompletedTask;
    }

    public Task Disconnected(IHostConnection connection)
    {
        if (!connection.Equals(_connection))
        {
            return Task.CompletedTask;
        }

        LogDisconnected(Name);
        (_connection, _lost) = (null, connection);
        _fleetWork.Request();
        return Task.CompletedTask;
    }

    /// <summary>
    /// Answers before the fleet has been told: a fleet that is slow gets fewer and newer reports, and no queue of old ones builds up.
    /// </summary>
    public Task Report(IHostConnection connection, HostReport report)
    {
        var isSilent = _timeProvider.GetElapsedTime(_heardAt) > Silence;
        var isLate = connection.Equals(_lost)
            || (_connection is not null && !connection.Equals(_connection) && !isSilent)
            || (_report is not null && report.StartedAt < _report.StartedAt && !isSilent);
        if (isLate || report.Host != Name)
        {
            LogIgnored(Name, report.Host);
            if (_connection is not null && !connection.Equals(_connection) && !connection.Equals(_rival))
            {
                // Once for each.
                _rival = connection;
                LogTwoRelays(Name);
            }

            return Task.CompletedTask;
        }

        Adopt(connection);
        _report = report;
        _fleetWork.Request();
        _mandelboxWork.Request();
        return Task.CompletedTask;
    }

    public Task<string?> Reserve(string mandelboxId) => CallAsync(connection => connection.Reserve(mandelboxId), FromMemory);

    public Task CancelReservation(string mandelboxId) => CallAsync(connection => connection.CancelReservation(mandelboxId), FromMemory);

    public Task<SpinUpAnswer> SpinUp(string mandelboxId, SpinUpRequest request) =>
        CallAsync(connection => connection.SpinUp(mandelboxId, request), FromMandelbox);

    public Task<bool> Stop(string mandelboxId, string reason) =>
        CallAsync(connection => connection.Stop(mandelboxId, reason), FromMandelbox);

    public Task<MandelboxDiagnostics?> Explain(string mandelboxId) => CallAsync(connection => connection.Explain(mandelboxId), FromMemory);

    public Task Drain(string reason) => CallAsync(connection => connection.Drain(reason), FromMemory);

    public Task<string?> CancelDrain() => CallAsync(connection => connection.CancelDrain(), FromMemory);

    public Task<string?> Upgrade(string version, string attempt) =>
        CallAsync(connection => connection.Upgrade(version, attempt), FromMemory);

    private void Adopt(IHostConnection connection)
    {
        (_connection, _lost) = (connection, null);
        _heardAt = _timeProvider.GetTimestamp();
    }

    private Task<bool> CallAsync(Func<IHostConnection, Task> call, TimeSpan limit) => CallAsync(
        async connection =>
        {
            await call(connection);
            return true;
        },
        limit);

    private async Task<T> CallAsync<T>(Func<IHostConnection, Task<T>> call, TimeSpan limit)
    {
        var connection = _connection ?? throw new HostAwayException($"host {Name} is not connected");
        string fault;
        try
        {
            var answer = call(connection);
            answer.Ignore();
            return await answer.WaitAsync(limit, _timeProvider);
        }
        catch (Exception exception)
        {
            LogUnanswered(Name, exception.Message);
            fault = exception switch
            {
                HostAwayException => exception.Message,
                TimeoutException => $"host {Name} did not answer in time",
                OrleansException => $"the connection to host {Name} is lost: {exception.Message}",
                _ => $"host {Name} answered with an error: {exception.Message}",
            };
        }

        // Without the exception itself: its type may be one that the caller's process does not have.
        throw new HostAwayException(fault);
    }

    private async Task TellFleetAsync()
    {
        if (_connection is null)
        {
            await Fleet.SetAway(Name, "it is not connected");
        }
        else if (_report is { } report)
        {
            // Given up early: the next report, which is newer, must not wait long for this one.
            var told = Fleet.Report(report);
            told.Ignore();
            await told.WaitAsync(FromMemory, _timeProvider);
        }
    }

    private async Task TellMandelboxesAsync()
    {
        // One that is starting has not taken the mandelboxes of its last run over yet: they are not gone.
        if (_report is not { Status: not HostStatus.Starting } report)
        {
            return;
        }

        // Not the host's own ones: each host has them. One after another: after a control silo's death all hosts of the fleet do this at
        // once, and each mandelbox costs a statement or two. One that was not told is told after the next report.
        var there = report.Mandelboxes.Select(mandelbox => mandelbox.MandelboxId)
            .Where(id => MandelboxIds.Fault(id) is null)
            .ToHashSet(StringComparer.Ordinal);
        Exception? fault = null;
        foreach (var id in there.Except(_told).ToList())
        {
            await TellAsync(id, mandelbox => mandelbox.Found(Name, report.Address), _told.Add);
        }

        foreach (var id in _told.Except(there).ToList())
        {
            await TellAsync(id, mandelbox => mandelbox.Gone(Name), _told.Remove);
        }

        if (fault is not null)
        {
            LogMandelboxesNotTold(Name, fault.Message);
        }

        async Task TellAsync(string id, Func<IFleetMandelboxGrain, Task<bool>> tell, Func<string, bool> remember)
        {
            try
            {
                if (await tell(GrainFactory.GetGrain<IFleetMandelboxGrain>(id)))
                {
                    remember(id);
                }
            }
            catch (Exception exception)
            {
                fault ??= exception;
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Host {Host} is connected")]
    private partial void LogConnected(string host);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The connection to host {Host} is lost")]
    private partial void LogDisconnected(string host);

    [LoggerMessage(Level = LogLevel.Information, Message = "Host {Host} did not answer a call: {Why}")]
    private partial void LogUnanswered(string host, string why);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Two relays report host {Host}; the later one counts. Has it two, or have two machines one Host:InstanceName?")]
    private partial void LogTwoRelays(string host);

    [LoggerMessage(Level = LogLevel.Debug, Message = "A report to host {Host} of {Reporter} is late, or another host's; it has no effect")]
    private partial void LogIgnored(string host, string reporter);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The fleet was not told of host {Host}, and is told after the next report: {Why}")]
    private partial void LogFleetNotTold(string host, string why);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Mandelboxes of host {Host} were not told that they are there or gone, and are told after the next report: {Why}")]
    private partial void LogMandelboxesNotTold(string host, string why);
}
