using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Outbox;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Backend.Rows;

/// <summary>The web backend's PostgreSQL. Decisions are in <see cref="RegistrationRules"/> and <see cref="ClaimRules"/>; here are the statements.</summary>
internal sealed class BackendDatabase : IBackendDatabase, IAsyncDisposable
{
    /// <summary>B25, by the row's creation time.</summary>
    private static readonly TimeSpan AllocatedForTooLong = TimeSpan.FromSeconds(10);

    /// <summary>B25, by the row's creation time.</summary>
    private static readonly TimeSpan ConnectingForTooLong = TimeSpan.FromSeconds(90);

    private readonly DatabaseSession _session;
    private readonly DatabaseOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<BackendDatabase> _logger;
    private readonly OutboxProcessor _pump;

    /// <summary>The instance whose row this service may write, known from a registration that was not refused.</summary>
    private volatile string? _ourInstance;

    /// <summary>We ourselves have set a status that says that the host is on its way out.</summary>
    private volatile bool _leaving;

    /// <summary>We ourselves have removed the host's row, or are about to.</summary>
    private volatile bool _left;

    public BackendDatabase(DatabaseSession session, IOptions<DatabaseOptions> options, TimeProvider timeProvider, ILogger<BackendDatabase> logger)
    {
        _session = session;
        _options = options.Value;
        _timeProvider = timeProvider;
        _logger = logger;
        _pump = new OutboxProcessor(WriteRowAsync, _options, timeProvider, logger);
    }

    private long NowMs => _timeProvider.GetUtcNow().ToUnixTimeMilliseconds();

    public Task TestAsync(CancellationToken cancellationToken) => AskAsync(
        "testing the database",
        _options.StartTimeout,
        async turn => await turn.ExecuteAsync("SELECT 1 FROM hardware.instance_info LIMIT 0; SELECT 1 FROM hardware.mandelbox_info LIMIT 0"),
        cancellationToken);

    public async Task<RegistrationAnswer> RegisterAsync(HostRegistration registration, CancellationToken cancellationToken)
    {
        var attempt = new Attempt();
        RegistrationAnswer answer;
        try
        {
            answer = await TakeOverAsync(registration, mayBeOurs: false, attempt, cancellationToken);
        }
        catch (BackendDatabaseException e) when (attempt.MayHaveWritten)
        {
            // The row may have been taken over all the same, and then it looks like somebody else's to a service that starts anew.
            DatabaseLog.RegistrationUnclear(_logger, registration.InstanceName, e.Message);
            answer = await TakeOverAsync(registration, mayBeOurs: true, attempt, cancellationToken);
        }

        if (answer.Outcome != RegistrationOutcome.Refused)
        {
            _ourInstance = registration.InstanceName;
        }

        return answer;
    }

    private Task<RegistrationAnswer> TakeOverAsync(HostRegistration registration, bool mayBeOurs, Attempt attempt, CancellationToken cancellationToken) => AskAsync(
        $"registering instance {registration.InstanceName}",
        _options.StartTimeout,
        async turn =>
        {
            var row = await turn.FindAsync<InstanceRow>(
                """
                SELECT location AS Location, aws_ami_id AS AmiId, aws_instance_type AS InstanceType, commit_hash AS CommitHash, status AS Status,
                    cloud_provider_id AS CloudProviderId
                FROM hardware.instance_info WHERE instance_name = @InstanceName FOR UPDATE
                """,
                new { registration.InstanceName });
            if (mayBeOurs && RegistrationRules.IsOurs(row, registration))
            {
                return new RegistrationAnswer(RegistrationOutcome.Registered, null);
            }

            var answer = RegistrationRules.Decide(row, registration);
            if (answer.Outcome == RegistrationOutcome.Registered)
            {
                attempt.MayHaveWritten = true;
                await turn.ExecuteAsync(
                    """
                    UPDATE hardware.instance_info
                    SET cloud_provider_id = @CloudProviderId, ip = @PublicIpv4, mandelbox_capacity = @Capacity, status = @Active,
                        memory_remaining_kb = COALESCE(@AvailableMemoryKb, memory_remaining_kb), nanocpus_remaining = COALESCE(@NanoCpus, nanocpus_remaining),
                        gpu_vram_remaining_kb = COALESCE(@FreeGpuMemoryKb, gpu_vram_remaining_kb), last_updated_utc_unix_ms = @NowMs
                    WHERE instance_name = @InstanceName
                    """,
                    new
                    {
                        registration.InstanceName,
                        registration.CloudProviderId,
                        registration.Identity.PublicIpv4,
                        Capacity = (long)registration.Capacity,
                        InstanceStatus.Active,
                        registration.Figures.AvailableMemoryKb,
                        NanoCpus = registration.Figures.NanoCpusRemaining,
                        registration.Figures.FreeGpuMemoryKb,
                        NowMs,
                    });
            }

            return answer;
        },
        cancellationToken);

    public Task<string?> HeartbeatAsync(string instanceName, MachineFigures figures, CancellationToken cancellationToken) => AskAsync(
        $"heartbeat of instance {instanceName}",
        _options.Timeout,
        async turn => await turn.FindAsync<string>(
            """
            UPDATE hardware.instance_info
            SET memory_remaining_kb = COALESCE(@AvailableMemoryKb, memory_remaining_kb), nanocpus_remaining = COALESCE(@NanoCpus, nanocpus_remaining),
                gpu_vram_remaining_kb = COALESCE(@FreeGpuMemoryKb, gpu_vram_remaining_kb), last_updated_utc_unix_ms = @NowMs
            WHERE instance_name = @InstanceName
            RETURNING status
            """,
            new { InstanceName = instanceName, figures.AvailableMemoryKb, NanoCpus = figures.NanoCpusRemaining, figures.FreeGpuMemoryKb, NowMs }) is { } status
                ? WhyNotWanted(instanceName, status)
                : _left ? null : throw new BackendDatabaseException("hardware.instance_info no longer has this row; somebody has removed it."),
        cancellationToken);

    public Task<string?> WhyNotWantedAsync(string instanceName, CancellationToken cancellationToken) => AskAsync(
        $"looking at the status of instance {instanceName}",
        _options.Timeout,
        async turn => await turn.FindAsync<string>("SELECT status FROM hardware.instance_info WHERE instance_name = @instanceName", new { instanceName }) is { } status
            ? WhyNotWanted(instanceName, status)
            : null,
        cancellationToken);

    public Task SetHostStatusAsync(string instanceName, string status, CancellationToken cancellationToken)
    {
        // Before it is written: whoever reads it then must know whose word it is.
        _leaving |= RegistrationRules.SaysNotWanted(status);
        return PutHostAsync(new RowWrite(new RowKey(RowKind.Instance, instanceName), status), cancellationToken);
    }

    public Task RemoveHostAsync(string instanceName, CancellationToken cancellationToken)
    {
        _left = true;
        return PutHostAsync(new RowWrite(new RowKey(RowKind.Instance, instanceName), null), cancellationToken);
    }

    public async Task<string?> ClaimMandelboxAsync(string instanceName, string mandelboxId, string userId, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(_options.Timeout, _timeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            return await _pump.SettleAsync(new RowKey(RowKind.Mandelbox, mandelboxId), both.Token)
                ? await ClaimOrTakeBackAsync(instanceName, mandelboxId, userId, both.Token)
                : $"An earlier status of mandelbox {mandelboxId} has not reached the database yet; the database cannot be written right now.";
        }
        catch (BackendDatabaseException e)
        {
            // The caller is a user: he learns that it is an outage, the log learns which.
            DatabaseLog.ClaimFailed(_logger, mandelboxId, e.Message);
            return e.Unreachable ? Unreachable() : $"The database could not give mandelbox {mandelboxId} out; try again later.";
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            DatabaseLog.ClaimFailed(_logger, mandelboxId, $"the database did not answer within {_options.Timeout.TotalSeconds:0.###} s.");
            return Unreachable();
        }

        string Unreachable() => $"The database that knows whose mandelbox {mandelboxId} is cannot be reached right now; try again later.";
    }

    /// <summary>Where it fails and the row may be <c>CONNECTING</c> all the same, its removal is owed; the next claim of it waits for that.</summary>
    private async Task<string?> ClaimOrTakeBackAsync(string instanceName, string mandelboxId, string userId, CancellationToken cancellationToken)
    {
        var attempt = new Attempt();
        try
        {
            return await AskAsync(
                $"claiming mandelbox {mandelboxId}", _options.Timeout, turn => ClaimAsync(turn, instanceName, mandelboxId, userId, attempt), cancellationToken);
        }
        catch (Exception) when (attempt.MayHaveWritten)
        {
            // Not awaited: whoever asked has waited long enough, and the outbox sees to it.
            _ = _pump.PutAsync(new RowWrite(new RowKey(RowKind.Mandelbox, mandelboxId), null, new Claim(instanceName, userId)), CancellationToken.None);
            throw;
        }
    }

    public Task SetMandelboxStatusAsync(string mandelboxId, string status, CancellationToken cancellationToken)
    {
        _ = MandelboxStatus.ClaimedBefore(status);
        return _pump.PutAsync(new RowWrite(new RowKey(RowKind.Mandelbox, mandelboxId), status), cancellationToken);
    }

    public Task RemoveMandelboxAsync(string mandelboxId, CancellationToken cancellationToken) =>
        _pump.PutAsync(new RowWrite(new RowKey(RowKind.Mandelbox, mandelboxId), null), cancellationToken);

    public Task<int> RemoveStaleMandelboxesAsync(string instanceName, CancellationToken cancellationToken) => AskAsync(
        $"removing stale mandelboxes of instance {instanceName}",
        _options.Timeout,
        turn => turn.ExecuteAsync(
            """
            DELETE FROM hardware.mandelbox_info
            WHERE instance_name = @InstanceName AND mandelbox_id <> ALL(@Pending)
              AND ((status = @Allocated AND creation_time_utc_unix_ms < @AllocatedBefore)
                OR (status = @Connecting AND creation_time_utc_unix_ms < @ConnectingBefore))
            """,
            new
            {
                InstanceName = instanceName,
                // One that an outage keeps from saying RUNNING is not stale.
                Pending = _pump.Pending.Where(w => w.Row.Kind == RowKind.Mandelbox).Select(w => w.Row.Id).ToArray(),
                MandelboxStatus.Allocated,
                MandelboxStatus.Connecting,
                AllocatedBefore = NowMs - (long)AllocatedForTooLong.TotalMilliseconds,
                ConnectingBefore = NowMs - (long)ConnectingForTooLong.TotalMilliseconds,
            }),
        cancellationToken);

    public async Task<int> FlushAsync(CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(_options.FlushTimeout, _timeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await _pump.FlushAsync(both.Token);
        }
        catch (OperationCanceledException) when (both.IsCancellationRequested)
        {
            DatabaseLog.NotWritten(_logger, _options.FlushTimeout, string.Join(", ", _pump.Pending));
        }

        return _pump.Pending.Count;
    }

    public async ValueTask DisposeAsync()
    {
        await _pump.DisposeAsync();
        await _session.DisposeAsync();
    }

    /// <summary>A host that was refused its row (B23) must not write to it on its way out: it belongs to somebody else.</summary>
    private Task PutHostAsync(RowWrite write, CancellationToken cancellationToken)
    {
        if (write.Row.Id == _ourInstance)
        {
            return _pump.PutAsync(write, cancellationToken);
        }

        DatabaseLog.NotOurHost(_logger, write.Row.Id, write.What);
        return Task.CompletedTask;
    }

    private async Task<T> AskAsync<T>(string what, TimeSpan deadline, Func<DatabaseTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        var result = await _session.RunAsync(what, deadline, work, cancellationToken);
        _pump.DatabaseAnswered();
        return result;
    }

    /// <summary>What a status says of whether the webserver still wants this host; a status that we have set ourselves says nothing of it.</summary>
    private string? WhyNotWanted(string instanceName, string status) =>
        RegistrationRules.SaysNotWanted(status) && !_leaving ? RegistrationRules.NotWanted(instanceName, status, InstanceStatus.Active) : null;

    private static async Task<string?> ClaimAsync(DatabaseTransaction turn, string instanceName, string mandelboxId, string userId, Attempt attempt)
    {
        var row = await turn.FindAsync<MandelboxRow>(
            """
            SELECT user_id AS UserId, instance_name AS InstanceName, status AS Status
            FROM hardware.mandelbox_info WHERE mandelbox_id = @mandelboxId FOR UPDATE
            """,
            new { mandelboxId });
        if (ClaimRules.Refusal(row, mandelboxId, instanceName, userId) is { } refusal)
        {
            return refusal;
        }

        attempt.MayHaveWritten = true;
        await turn.ExecuteAsync(
            "UPDATE hardware.mandelbox_info SET status = @Connecting WHERE mandelbox_id = @mandelboxId",
            new { MandelboxStatus.Connecting, mandelboxId });
        return null;
    }

    /// <summary>
    /// The statements only move a status forward and never touch a row that is still <c>ALLOCATED</c>: so one that takes effect late, or twice, does no harm.
    /// </summary>
    private async Task WriteRowAsync(RowWrite write, CancellationToken cancellationToken)
    {
        var id = write.Row.Id;
        var touched = await _session.RunAsync(
            "writing " + write,
            _options.Timeout,
            turn => (write.Row.Kind, write.Status) switch
            {
                (RowKind.Mandelbox, null) when write.OnlyIf is { } claim => turn.ExecuteAsync(
                    """
                    DELETE FROM hardware.mandelbox_info
                    WHERE mandelbox_id = @id AND instance_name = @InstanceName AND user_id = @UserId AND status = @Connecting
                    """,
                    new { id, claim.InstanceName, claim.UserId, MandelboxStatus.Connecting }),
                (RowKind.Instance, null) => turn.ExecuteAsync("DELETE FROM hardware.instance_info WHERE instance_name = @id", new { id }),
                (RowKind.Instance, { } status) => turn.ExecuteAsync(
                    "UPDATE hardware.instance_info SET status = @status WHERE instance_name = @id", new { id, status }),
                (_, null) => turn.ExecuteAsync(
                    "DELETE FROM hardware.mandelbox_info WHERE mandelbox_id = @id AND status <> @Allocated", new { id, MandelboxStatus.Allocated }),
                (_, { } status) => turn.ExecuteAsync(
                    "UPDATE hardware.mandelbox_info SET status = @status WHERE mandelbox_id = @id AND status = ANY(@before)",
                    new { id, status, before = MandelboxStatus.ClaimedBefore(status) }),
            },
            cancellationToken);
        if (touched > 0 || write.OnlyIf is not null)
        {
            return;
        }

        if (write.Row.Kind == RowKind.Mandelbox)
        {
            DatabaseLog.NoSuchMandelbox(_logger, id, write.What);
        }
        else
        {
            DatabaseLog.NoSuchHost(_logger, id, write.What);
        }
    }

    /// <summary>How far a transaction came whose end may not be known.</summary>
    private sealed class Attempt
    {
        private volatile bool _mayHaveWritten;

        /// <summary>Set before the statement that changes something.</summary>
        public bool MayHaveWritten
        {
            get => _mayHaveWritten;
            set => _mayHaveWritten = value;
        }
    }
}
