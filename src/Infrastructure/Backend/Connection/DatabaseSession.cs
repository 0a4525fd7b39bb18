using System.Net.Sockets;
using Npgsql;

namespace HostService.Infrastructure.Backend.Connection;

/// <summary>Runs work in a transaction, with a timeout here and on the server. Fails with <see cref="BackendDatabaseException"/>.</summary>
internal sealed class DatabaseSession(IConnectionStringSource source, IOptions<DatabaseOptions> options, TimeProvider timeProvider)
    : IAsyncDisposable
{
    private readonly SemaphoreSlim _opening = new(1, 1);
    private ConnectionPool? _pool;

    /// <param name="what">Begins the message of a failure.</param>
    /// <remarks>When only the answer to the commit is lost, the work may have taken effect although this fails.</remarks>
    public async Task<T> RunAsync<T>(
        string what, TimeSpan timeout, Func<DatabaseTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        var began = timeProvider.GetTimestamp();
        var result = BackendResult.Ok;
        try
        {
            return await RunWithTimeoutAsync(what, timeout, work, cancellationToken);
        }
        catch (Exception exception)
        {
            result = exception switch
            {
                OperationCanceledException => BackendResult.Cancelled,
                BackendDatabaseException { TimedOut: true } => BackendResult.Timeout,
                _ => BackendResult.Failed,
            };
            throw;
        }
        finally
        {
            BackendMeter.Called(BackendService.Database, result, timeProvider.GetElapsedTime(began));
        }
    }

    private async Task<T> RunWithTimeoutAsync<T>(
        string what, TimeSpan timeout, Func<DatabaseTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        using var timer = new CancellationTokenSource(timeout, timeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        var attempt = new Attempt();
        try
        {
            try
            {
                return await RunOnceAsync(attempt, timeout, work, both.Token);
            }
            catch (Exception exception) when (!both.IsCancellationRequested && attempt.MayBeRepeatedAfter(exception))
            {
                // A pooled connection that died while it lay idle, as they all do when the server restarts (Npgsql has emptied the pool by
                // now); or credentials that another query has dropped.
                attempt = new Attempt();
                return await RunOnceAsync(attempt, timeout, work, both.Token);
            }
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException($"{what}: cancelled.", exception, cancellationToken);
        }
        catch (Exception exception) when (timer.IsCancellationRequested && exception is not BackendDatabaseException)
        {
            throw new BackendDatabaseException($"{what}: the database did not answer within {timeout.TotalSeconds:0.###} s.", exception)
            {
                Unreachable = true,
                TimedOut = true,
            };
        }
        catch (BackendDatabaseException exception)
        {
            throw new BackendDatabaseException($"{what}: {exception.Message}", exception) { Unreachable = exception.Unreachable };
        }
        catch (PostgresException exception)
        {
            await DropRefusedCredentialsAsync(exception, attempt.Pool);
            throw new BackendDatabaseException($"{what}: the database answered {exception.SqlState}: {exception.MessageText}", exception)
            {
                Unreachable = IsOutage(exception.SqlState),
            };
        }
        catch (Exception exception)
            when (exception is NpgsqlException or IOException or SocketException or TimeoutException or CredentialsDroppedException)
        {
            throw Unreachable(exception.Message, exception);
        }

        BackendDatabaseException Unreachable(string reason, Exception exception) =>
            new($"{what}: {reason}", exception) { Unreachable = true };
    }

    public async ValueTask DisposeAsync()
    {
        if (_pool is { } pool)
        {
            await pool.DisposeAsync();
        }

        _opening.Dispose();
    }

    /// <summary>
    /// Npgsql misses a cancellation between connecting and the server's first message, and then waits for its own timeout. So this does not
    /// wait for Npgsql, and cancels what it abandons.
    /// </summary>
    private async Task<T> RunOnceAsync<T>(
        Attempt attempt, TimeSpan timeout, Func<DatabaseTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        attempt.Pool = await OpenPoolAsync(cancellationToken);
        var abandoned = new CancellationTokenSource();
        var running = ExecuteAsync(attempt, timeout, work, abandoned.Token, cancellationToken);
        try
        {
            return await running.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (!running.IsCompleted)
        {
            _ = AbandonAsync(running, abandoned);
            throw;
        }
    }

    /// <summary>
    /// Npgsql asks the server to cancel, over a new connection, before <c>Cancel</c> returns. Where packets are dropped that lasts until
    /// its connection timeout, so it must hold up neither the caller nor a thread of the pool.
    /// </summary>
    private static async Task AbandonAsync(Task running, CancellationTokenSource abandoned)
    {
        await Task.Factory.StartNew(abandoned.Cancel, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // The timeout is what gets reported. How the attempt ends later adds nothing, but its exception must be observed.
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        abandoned.Dispose();
    }

    /// <param name="abandoned">Cancels what is under way.</param>
    /// <param name="deadline">Cancelled before <paramref name="abandoned"/>; nothing is committed after it.</param>
    private static async Task<T> ExecuteAsync<T>(
        Attempt attempt,
        TimeSpan timeout,
        Func<DatabaseTransaction, Task<T>> work,
        CancellationToken abandoned,
        CancellationToken deadline)
    {
        await using var connection = await attempt.Pool!.OpenConnectionAsync(abandoned);
        attempt.Opened = true;
        await using var transaction = await connection.BeginTransactionAsync(abandoned);
        var session = new DatabaseTransaction(connection, transaction, abandoned);

        // The server gives up as well, so that an abandoned statement cannot take effect much later. The lock timeout is shorter: it tells
        // a row that is locked from a server that does not answer.
        await session.ExecuteAsync(
            $"SET LOCAL lock_timeout = {Math.Max(1, (long)(timeout.TotalMilliseconds * 0.8))}; "
            + $"SET LOCAL statement_timeout = {Math.Max(1, (long)timeout.TotalMilliseconds)}");
        var result = await work(session);

        // The caller may have been told already that this attempt failed: then it must not take effect.
        deadline.ThrowIfCancellationRequested();
        attempt.Committing = true;
        await transaction.CommitAsync(abandoned);
        return result;
    }

    private async Task<ConnectionPool> OpenPoolAsync(CancellationToken cancellationToken)
    {
        if (_pool is { } open)
        {
            return open;
        }

        await _opening.WaitAsync(cancellationToken);
        try
        {
            return _pool ??= new ConnectionPool(Complete(await source.ResolveAsync(cancellationToken)));
        }
        finally
        {
            _opening.Release();
        }
    }

    private NpgsqlConnectionStringBuilder Complete(NpgsqlConnectionStringBuilder builder)
    {
        // Npgsql's own timeouts only end what was abandoned; the session keeps the real one.
        var (timeout, startTimeout) = (options.Value.Timeout.TotalSeconds, options.Value.StartTimeout.TotalSeconds);
        builder.Timeout = (int)Math.Ceiling(timeout) + 1;
        builder.CommandTimeout = (int)Math.Ceiling(Math.Max(timeout, startTimeout)) + 1;
        // −1: after a timeout the connection is dropped at once instead of waiting for the server to confirm.
        builder.CancellationTimeout = -1;
        builder.MaxPoolSize = options.Value.MaxPoolSize;
        builder.MinPoolSize = 0;
        builder.Pooling = true;
        builder.PersistSecurityInfo = false;
        builder.IncludeErrorDetail = false;
        builder.ApplicationName ??= "host-service";
        return builder;
    }

    /// <summary>Heroku may change the password at any time: after a refusal the connection string is read again.</summary>
    private async Task DropRefusedCredentialsAsync(PostgresException exception, ConnectionPool? refused)
    {
        if (IsRefusal(exception.SqlState) && refused is not null
            && ReferenceEquals(Interlocked.CompareExchange(ref _pool, null, refused), refused))
        {
            await refused.DisposeAsync();
        }
    }

    /// <summary>Errors that any statement would meet: connection, resources, shutdown, credentials, read-only standby.</summary>
    private static bool IsOutage(string sqlState) =>
        sqlState is PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.InvalidCatalogName
        || sqlState.StartsWith("08", StringComparison.Ordinal) || IsRefusal(sqlState)
        || sqlState.StartsWith("53", StringComparison.Ordinal) || sqlState.StartsWith("57P", StringComparison.Ordinal);

    /// <summary>The server does not accept the credentials.</summary>
    private static bool IsRefusal(string sqlState) => sqlState.StartsWith("28", StringComparison.Ordinal);

    /// <summary>How far an attempt came.</summary>
    private sealed class Attempt
    {
        public ConnectionPool? Pool { get; set; }

        public bool Opened { get; set; }

        public bool Committing { get; set; }

        /// <summary>After a lost connection, but not where none was opened, and never once the commit was sent.</summary>
        public bool MayBeRepeatedAfter(Exception exception) => !Committing && exception switch
        {
            CredentialsDroppedException => true,
            PostgresException postgres => Opened && IsOutage(postgres.SqlState) && !IsRefusal(postgres.SqlState),
            _ => Opened && exception is NpgsqlException or IOException or SocketException,
        };
    }
}
