using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Outbox;

namespace HostService.Infrastructure.Backend.Rows;

/// <summary>The statements on the web backend's PostgreSQL. <see cref="RegistrationRules"/> and <see cref="ClaimRules"/> decide.</summary>
internal sealed partial class BackendDatabase : IBackendDatabase, IAsyncDisposable
{
    /// <summary>
    /// The database's clock, one for all hosts and the webserver: a host whose own is wrong must not take fresh rows for stale ones, nor
    /// look dead.
    /// </summary>
    private const string NowMs = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

    /// <summary>B25, by the row's creation time.</summary>
    private static readonly TimeSpan MaxAllocated = TimeSpan.FromSeconds(10);

    /// <summary>B25, by the row's creation time.</summary>
    private static readonly TimeSpan MaxConnecting = TimeSpan.FromSeconds(90);

    private readonly DatabaseSession _session;
    private readonly DatabaseOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<BackendDatabase> _logger;
    private readonly OutboxProcessor _outbox;
    private readonly string _instances;
    private readonly string _mandelboxes;

    /// <summary>
    /// The instance whose row this service may write. Set before the registration writes to it: a shutdown that cancels the registration
    /// must remove the row, whether it was committed or not.
    /// </summary>
    private volatile string? _ourInstance;

    /// <summary>This service itself has set a status that says that the host is not wanted.</summary>
    private volatile bool _leaving;

    /// <summary>This service itself has removed the host's row, or is about to.</summary>
    private volatile bool _left;

    public BackendDatabase(
        DatabaseSession session, IOptions<DatabaseOptions> options, TimeProvider timeProvider, ILogger<BackendDatabase> logger)
    {
        _session = session;
        _options = options.Value;
        _timeProvider = timeProvider;
        _logger = logger;
        _outbox = new OutboxProcessor(WriteRowAsync, _options, timeProvider, logger);
        _instances = $"\"{_options.Schema}\".instance_info";
        _mandelboxes = $"\"{_options.Schema}\".mandelbox_info";
    }

    public Task TestAsync(CancellationToken cancellationToken) => RunAsync(
        "testing the database",
        _options.StartTimeout,
        async transaction => await transaction.ExecuteAsync($"SELECT 1 FROM {_instances} LIMIT 0; SELECT 1 FROM {_mandelboxes} LIMIT 0"),
        cancellationToken);

    public async Task<RegistrationAnswer> RegisterAsync(HostRegistration registration, CancellationToken cancellationToken)
    {
        var attempt = new Attempt();
        RegistrationAnswer answer;
        try
        {
            answer = await TakeOverAsync(registration, attempt, cancellationToken);
        }
        catch (BackendDatabaseException exception) when (attempt.MayHaveWritten)
        {
            // The row may have been taken over all the same. Then it would look like another host's row to a service that starts anew.
            LogRegistrationUnclear(registration.InstanceName, exception.Message);
            answer = await TakeOverAsync(registration with { MayHaveTakenOver = true }, attempt, cancellationToken);
        }

        _ourInstance = answer.Outcome == RegistrationOutcome.Refused ? null : registration.InstanceName;
        return answer;
    }

    public Task<RegistrationAnswer> CheckRegistrationAsync(HostRegistration registration, CancellationToken cancellationToken) => RunAsync(
        $"looking at instance {registration.InstanceName}",
        _options.StartTimeout,
        async transaction => RegistrationRules.Decide(
            await FindInstanceAsync(transaction, registration.InstanceName, locking: ""), registration),
        cancellationToken);

    public Task<int> RemoveLostMandelboxesAsync(
        string instanceName, IReadOnlyCollection<string> existing, CancellationToken cancellationToken) => RunAsync(
        $"removing lost mandelboxes of instance {instanceName}",
        _options.StartTimeout,
        transaction => transaction.ExecuteAsync(
            $"""
            DELETE FROM {_mandelboxes}
            WHERE instance_name = @instanceName AND status = ANY(@claimed) AND mandelbox_id <> ALL(@existing)
            """,
            new { instanceName, claimed = MandelboxStatus.ClaimedUpTo(MandelboxStatus.Dying), existing = existing.ToArray() }),
        cancellationToken);

    private Task<InstanceRow?> FindInstanceAsync(DatabaseTransaction transaction, string instanceName, string locking) =>
        transaction.FindAsync<InstanceRow>(
            $"""
            SELECT location AS Location, aws_ami_id AS AmiId, aws_instance_type AS InstanceType, commit_hash AS CommitHash,
                status AS Status, cloud_provider_id AS CloudProviderId
            FROM {_instances} WHERE instance_name = @instanceName {locking}
            """,
            new { instanceName });

    private Task<RegistrationAnswer> TakeOverAsync(
        HostRegistration registration, Attempt attempt, CancellationToken cancellationToken) => RunAsync(
        $"registering instance {registration.InstanceName}",
        _options.StartTimeout,
        async transaction =>
        {
            var answer = RegistrationRules.Decide(
                await FindInstanceAsync(transaction, registration.InstanceName, "FOR UPDATE"), registration);
            if (answer.Outcome == RegistrationOutcome.Registered)
            {
                attempt.MayHaveWritten = true;
                _ourInstance = registration.InstanceName;
                await transaction.ExecuteAsync(
                    $"""
                    UPDATE {_instances}
                    SET cloud_provider_id = @CloudProviderId, ip = @PublicIpv4, mandelbox_capacity = @Capacity, status = @Active,
                        memory_remaining_kb = COALESCE(@AvailableMemoryKb, memory_remaining_kb),
                        nanocpus_remaining = COALESCE(@NanoCpusRemaining, nanocpus_remaining),
                        gpu_vram_remaining_kb = COALESCE(@FreeGpuMemoryKb, gpu_vram_remaining_kb), last_updated_utc_unix_ms = {NowMs}
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
                        registration.Figures.NanoCpusRemaining,
                        registration.Figures.FreeGpuMemoryKb,
                    });
            }

            return answer;
        },
        cancellationToken);

    public Task<string?> HeartbeatAsync(string instanceName, MachineFigures figures, CancellationToken cancellationToken) => RunAsync(
        $"heartbeat of instance {instanceName}",
        _options.Timeout,
        async transaction => await transaction.FindAsync<string>(
            $"""
            UPDATE {_instances}
            SET memory_remaining_kb = COALESCE(@AvailableMemoryKb, memory_remaining_kb),
                nanocpus_remaining = COALESCE(@NanoCpusRemaining, nanocpus_remaining),
                gpu_vram_remaining_kb = COALESCE(@FreeGpuMemoryKb, gpu_vram_remaining_kb), last_updated_utc_unix_ms = {NowMs}
            WHERE instance_name = @instanceName
            RETURNING status
            """,
            new { instanceName, figures.AvailableMemoryKb, figures.NanoCpusRemaining, figures.FreeGpuMemoryKb }) is { } status
                ? WhyNotWanted(instanceName, status)
                : _left ? null : throw new BackendDatabaseException("table instance_info no longer has this row; somebody has removed it."),
        cancellationToken);

    public Task<string?> WhyNotWantedAsync(string instanceName, CancellationToken cancellationToken) => RunAsync(
        $"reading the status of instance {instanceName}",
        _options.Timeout,
        async transaction => await transaction.FindAsync<string>(
            $"SELECT status FROM {_instances} WHERE instance_name = @instanceName", new { instanceName }) is { } status
                ? WhyNotWanted(instanceName, status)
                : null,
        cancellationToken);

    public async Task SetHostStatusAsync(string instanceName, string status, CancellationToken cancellationToken)
    {
        // Set before the write, and taken back after it: whoever reads the status in between must know that it is our own.
        var leaving = RegistrationRules.SaysNotWanted(status);
        _leaving |= leaving;
        await PutHostAsync(new RowWrite(new RowKey(RowKind.Instance, instanceName), status), cancellationToken);
        _leaving = leaving;
    }

    public Task<bool> DrainKilledHostAsync(HostRegistration registration, CancellationToken cancellationToken) => RunAsync(
        $"marking instance {registration.InstanceName} as draining",
        _options.Timeout,
        async transaction => await transaction.ExecuteAsync(
            $"""
            UPDATE {_instances} SET status = @Draining
            WHERE instance_name = @InstanceName AND cloud_provider_id = @CloudProviderId AND status = @Active
            """,
            new { registration.InstanceName, registration.CloudProviderId, InstanceStatus.Draining, InstanceStatus.Active }) > 0,
        cancellationToken);

    public Task RemoveHostAsync(string instanceName, CancellationToken cancellationToken)
    {
        _left = true;
        return PutHostAsync(new RowWrite(new RowKey(RowKind.Instance, instanceName), null), cancellationToken);
    }

    public async Task<string?> ClaimMandelboxAsync(
        string instanceName, string mandelboxId, string userId, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_options.Timeout, _timeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await _outbox.FlushAsync(new RowKey(RowKind.Mandelbox, mandelboxId), both.Token)
                ? await ClaimOrTakeBackAsync(instanceName, mandelboxId, userId, both.Token)
                : $"An earlier status of mandelbox {mandelboxId} has not reached the database yet, which cannot be written right now.";
        }
        catch (BackendDatabaseException exception)
        {
            // The caller is a user and learns only that there is an outage; the log says which.
            LogClaimFailed(mandelboxId, exception.Message);
            return exception.Unreachable
                ? Unreachable()
                : $"The database did not let this host claim mandelbox {mandelboxId}; try again later.";
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            LogClaimFailed(mandelboxId, $"the database did not answer within {_options.Timeout.TotalSeconds:0.###} s.");
            return Unreachable();
        }

        string Unreachable() => $"The database with the row of mandelbox {mandelboxId} cannot be reached right now; try again later.";
    }

    /// <summary>Where it fails and the row may be <c>CONNECTING</c>, the row is removed later; the next claim waits for that.</summary>
    private async Task<string?> ClaimOrTakeBackAsync(
        string instanceName, string mandelboxId, string userId, CancellationToken cancellationToken)
    {
        var attempt = new Attempt();
        try
        {
            return await RunAsync(
                $"claiming mandelbox {mandelboxId}",
                _options.Timeout,
                transaction => ClaimAsync(transaction, instanceName, mandelboxId, userId, attempt),
                cancellationToken);
        }
        catch (Exception) when (attempt.MayHaveWritten)
        {
            // Not awaited: the caller has waited long enough, and the outbox retries.
            var removal = new RowWrite(new RowKey(RowKind.Mandelbox, mandelboxId), null, new Claim(instanceName, userId));
            _ = _outbox.PutAsync(removal, CancellationToken.None);
            throw;
        }
    }

    private async Task<string?> ClaimAsync(
        DatabaseTransaction transaction, string instanceName, string mandelboxId, string userId, Attempt attempt)
    {
        var row = await transaction.FindAsync<MandelboxRow>(
            $"""
            SELECT user_id AS UserId, instance_name AS InstanceName, status AS Status
            FROM {_mandelboxes} WHERE mandelbox_id = @mandelboxId FOR UPDATE
            """,
            new { mandelboxId });
        if (ClaimRules.Refusal(row, mandelboxId, instanceName, userId) is { } refusal)
        {
            return refusal;
        }

        attempt.MayHaveWritten = true;
        await transaction.ExecuteAsync(
            $"UPDATE {_mandelboxes} SET status = @Connecting WHERE mandelbox_id = @mandelboxId",
            new { MandelboxStatus.Connecting, mandelboxId });
        return null;
    }

    public async Task<bool> SetMandelboxStatusAsync(string mandelboxId, string status, CancellationToken cancellationToken)
    {
        _ = MandelboxStatus.ClaimedUpTo(status);
        var write = new RowWrite(new RowKey(RowKind.Mandelbox, mandelboxId), status);
        await _outbox.PutAsync(write, cancellationToken);
        return !write.FoundNoRow;
    }

    public Task RemoveMandelboxAsync(string mandelboxId, CancellationToken cancellationToken) =>
        _outbox.PutAsync(new RowWrite(new RowKey(RowKind.Mandelbox, mandelboxId), null), cancellationToken);

    public Task<int> RemoveStaleMandelboxesAsync(
        string instanceName,
        Func<CancellationToken, Task<IReadOnlyCollection<string>>> alive,
        CancellationToken cancellationToken) => RunAsync(
        $"removing stale mandelboxes of instance {instanceName}",
        _options.Timeout,
        async transaction =>
        {
            // Locked, so that none can be claimed between the question who is alive and the removal. One that is being claimed is skipped.
            var stale = await transaction.ListAsync<string>(
                $"""
                SELECT mandelbox_id FROM {_mandelboxes}
                WHERE instance_name = @instanceName
                  AND ((status = @Allocated AND creation_time_utc_unix_ms < {NowMs} - @maxAllocatedMs)
                    OR (status = @Connecting AND creation_time_utc_unix_ms < {NowMs} - @maxConnectingMs))
                FOR UPDATE SKIP LOCKED
                """,
                new
                {
                    instanceName,
                    MandelboxStatus.Allocated,
                    MandelboxStatus.Connecting,
                    maxAllocatedMs = (long)MaxAllocated.TotalMilliseconds,
                    maxConnectingMs = (long)MaxConnecting.TotalMilliseconds,
                });
            if (stale.Count == 0)
            {
                return 0;
            }

            // A row whose RUNNING is still in the outbox is not stale either.
            var pending = _outbox.Pending.Where(w => w.Row.Kind == RowKind.Mandelbox).Select(w => w.Row.Id);
            var ids = stale.Except(await alive(cancellationToken)).Except(pending).ToArray();
            return await transaction.ExecuteAsync($"DELETE FROM {_mandelboxes} WHERE mandelbox_id = ANY(@ids)", new { ids });
        },
        cancellationToken);

    public async Task<IReadOnlyCollection<string>?> ListMandelboxesAsync(string instanceName, CancellationToken cancellationToken)
    {
        var found = await RunAsync(
            $"listing the mandelboxes of instance {instanceName}",
            _options.Timeout,
            transaction => transaction.ListAsync<string>(
                $"SELECT mandelbox_id FROM {_mandelboxes} WHERE instance_name = @instanceName AND status = ANY(@statuses)",
                new { instanceName, statuses = new[] { MandelboxStatus.Running, MandelboxStatus.Dying } }),
            cancellationToken);
        return _outbox.Pending.Any(write => write.Row.Kind == RowKind.Mandelbox) ? null : [.. found];
    }

    public async Task<DateTimeOffset?> ReadClockAsync(CancellationToken cancellationToken) => await RunAsync(
        "reading the database's clock",
        _options.Timeout,
        async transaction => new DateTimeOffset((await transaction.ListAsync<DateTime>("SELECT clock_timestamp()"))[0]),
        cancellationToken);

    public async Task<int> FlushAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_options.FlushTimeout, _timeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await _outbox.FlushAsync(both.Token);
        }
        catch (OperationCanceledException) when (both.IsCancellationRequested)
        {
            LogNotWritten(_options.FlushTimeout, string.Join(", ", _outbox.Pending));
        }

        return _outbox.Pending.Count;
    }

    public async ValueTask DisposeAsync()
    {
        await _outbox.DisposeAsync();
        await _session.DisposeAsync();
    }

    /// <summary>A host that was refused its row (B23) must not write to it when it ends: the row belongs to another host.</summary>
    private Task PutHostAsync(RowWrite write, CancellationToken cancellationToken)
    {
        if (write.Row.Id == _ourInstance)
        {
            return _outbox.PutAsync(write, cancellationToken);
        }

        LogNotOurHost(write.Row.Id, write.What);
        return Task.CompletedTask;
    }

    private async Task<T> RunAsync<T>(
        string what, TimeSpan timeout, Func<DatabaseTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        var result = await _session.RunAsync(what, timeout, work, cancellationToken);
        _outbox.OnDatabaseAnswered();
        return result;
    }

    /// <summary>Why the webserver no longer wants this host, by the row's status; one that this service has set does not count.</summary>
    private string? WhyNotWanted(string instanceName, string status) => RegistrationRules.SaysNotWanted(status) && !_leaving
        ? RegistrationRules.NotWanted(instanceName, status, InstanceStatus.Active)
        : null;

    /// <summary>Moves a status only forward and never touches an <c>ALLOCATED</c> row: late or twice, it does no harm.</summary>
    private async Task WriteRowAsync(RowWrite write, CancellationToken cancellationToken)
    {
        var id = write.Row.Id;
        var touched = await _session.RunAsync(
            "writing " + write,
            _options.Timeout,
            transaction => (write.Row.Kind, write.Status) switch
            {
                (RowKind.Mandelbox, null) when write.OnlyIf is { } claim => transaction.ExecuteAsync(
                    $"""
                    DELETE FROM {_mandelboxes}
                    WHERE mandelbox_id = @id AND instance_name = @InstanceName AND user_id = @UserId AND status = @Connecting
                    """,
                    new { id, claim.InstanceName, claim.UserId, MandelboxStatus.Connecting }),
                (RowKind.Instance, null) => transaction.ExecuteAsync($"DELETE FROM {_instances} WHERE instance_name = @id", new { id }),
                (RowKind.Instance, { } status) => transaction.ExecuteAsync(
                    $"UPDATE {_instances} SET status = @status WHERE instance_name = @id", new { id, status }),
                (_, null) => transaction.ExecuteAsync(
                    $"DELETE FROM {_mandelboxes} WHERE mandelbox_id = @id AND status <> @Allocated", new { id, MandelboxStatus.Allocated }),
                (_, { } status) => transaction.ExecuteAsync(
                    $"UPDATE {_mandelboxes} SET status = @status WHERE mandelbox_id = @id AND status = ANY(@before)",
                    new { id, status, before = MandelboxStatus.ClaimedUpTo(status) }),
            },
            cancellationToken);
        if (touched > 0 || write.OnlyIf is not null)
        {
            return;
        }

        write.FoundNoRow = true;
        if (write.Row.Kind == RowKind.Mandelbox)
        {
            LogNoSuchMandelbox(id, write.What);
        }
        else
        {
            LogNoSuchHost(id, write.What);
        }
    }

    /// <summary>Whether a transaction whose end is unknown may have changed something.</summary>
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
