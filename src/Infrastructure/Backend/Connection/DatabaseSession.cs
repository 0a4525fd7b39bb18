using System.Net.Sockets;
using HostService.Infrastructure.Backend.Rows;
using Microsoft.Extensions.Options;
using Npgsql;

namespace HostService.Infrastructure.Backend.Connection;

/// <summary>
/// Runs work in a transaction, on our side and on the server's under one deadline. Every failure comes out as <see cref="BackendDatabaseException"/>.
/// </summary>
internal sealed class DatabaseSession(IConnectionStringSource source, IOptions<DatabaseOptions> options, TimeProvider timeProvider) : IAsyncDisposable
{
    private readonly SemaphoreSlim _opening = new(1, 1);
    private NpgsqlDataSource? _dataSource;

    /// <summary>
    /// <paramref name="what"/> begins the message of a failure. When only the answer to the commit is missing, the work may have been done all the same.
    /// </summary>
    public async Task<T> RunAsync<T>(string what, TimeSpan deadline, Func<DatabaseTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        using var timer = new CancellationTokenSource(deadline, timeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        NpgsqlDataSource? dataSource = null;
        try
        {
            dataSource = await OpenSourceAsync(both.Token);
            var progress = new Progress();
            try
            {
                return await UntilAsync(AttemptAsync(dataSource, deadline, work, progress, both.Token), both.Token);
            }
            catch (Exception e) when (progress.IsSafeToRepeat && !both.IsCancellationRequested && IsConnectionLoss(e))
            {
                // A pooled connection that died while it lay idle, as they all do when the server restarts; Npgsql has emptied the pool by now.
                return await UntilAsync(AttemptAsync(dataSource, deadline, work, new Progress(), both.Token), both.Token);
            }
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException($"{what}: cancelled.", e, cancellationToken);
        }
        catch (Exception e) when (timer.IsCancellationRequested && e is not BackendDatabaseException)
        {
            throw new BackendDatabaseException($"{what}: the database did not answer within {deadline.TotalSeconds:0.###} s.", e) { Unreachable = true };
        }
        catch (BackendDatabaseException e)
        {
            throw new BackendDatabaseException($"{what}: {e.Message}", e) { Unreachable = e.Unreachable };
        }
        catch (PostgresException e)
        {
            await ForgetRefusedCredentialsAsync(e, dataSource);
            throw new BackendDatabaseException($"{what}: the database answered {e.SqlState}: {e.MessageText}", e) { Unreachable = SpeaksOfOutage(e.SqlState) };
        }
        catch (Exception e) when (e is NpgsqlException or IOException or SocketException or TimeoutException)
        {
            throw new BackendDatabaseException($"{what}: {e.Message}", e) { Unreachable = true };
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_dataSource is { } dataSource)
        {
            await dataSource.DisposeAsync();
        }

        _opening.Dispose();
    }

    private static async Task<T> AttemptAsync<T>(
        NpgsqlDataSource dataSource, TimeSpan deadline, Func<DatabaseTransaction, Task<T>> work, Progress progress, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        progress.Opened = true;
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var turn = new DatabaseTransaction(connection, transaction, cancellationToken);

        // The server gives up as well, so that no abandoned statement takes effect much later; a row that somebody else has locked is told from a dead server.
        await turn.ExecuteAsync(
            $"SET LOCAL lock_timeout = {Math.Max(1, (long)(deadline.TotalMilliseconds * 0.8))}; "
            + $"SET LOCAL statement_timeout = {Math.Max(1, (long)deadline.TotalMilliseconds)}");
        var result = await work(turn);

        // An attempt that nobody waits for any more must not take effect behind the back of whoever was told that it failed.
        cancellationToken.ThrowIfCancellationRequested();
        progress.Committing = true;
        await transaction.CommitAsync(cancellationToken);
        return result;
    }

    /// <summary>
    /// Npgsql misses a cancellation that comes between the connection and the server's first word, and then waits for its own timeout. So nobody waits for
    /// Npgsql: an abandoned attempt finds its token cancelled before its next statement.
    /// </summary>
    private static async Task<T> UntilAsync<T>(Task<T> attempt, CancellationToken cancellationToken)
    {
        try
        {
            return await attempt.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (!attempt.IsCompleted)
        {
            // The missed deadline is what gets reported; how the attempt ends later adds nothing, but must count as seen.
            _ = attempt.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw;
        }
    }

    private async Task<NpgsqlDataSource> OpenSourceAsync(CancellationToken cancellationToken)
    {
        if (_dataSource is { } open)
        {
            return open;
        }

        await _opening.WaitAsync(cancellationToken);
        try
        {
            return _dataSource ??= NpgsqlDataSource.Create(Settle(await source.ResolveAsync(cancellationToken)));
        }
        finally
        {
            _opening.Release();
        }
    }

    private NpgsqlConnectionStringBuilder Settle(NpgsqlConnectionStringBuilder builder)
    {
        // Npgsql's own timeouts only end what was abandoned; the deadline is kept by the session.
        builder.Timeout = (int)Math.Ceiling(options.Value.Timeout.TotalSeconds) + 1;
        builder.CommandTimeout = (int)Math.Ceiling(Math.Max(options.Value.Timeout.TotalSeconds, options.Value.StartTimeout.TotalSeconds)) + 1;
        // −1: after a deadline the connection is dropped at once instead of waiting for the server to confirm.
        builder.CancellationTimeout = -1;
        builder.MaxPoolSize = options.Value.MaxPoolSize;
        builder.MinPoolSize = 0;
        builder.Pooling = true;
        builder.PersistSecurityInfo = false;
        builder.IncludeErrorDetail = false;
        builder.ApplicationName ??= "host-service";
        return builder;
    }

    /// <summary>Heroku changes the password when it likes: after a refusal the connection string is asked for anew.</summary>
    private async Task ForgetRefusedCredentialsAsync(PostgresException e, NpgsqlDataSource? refused)
    {
        if (e.SqlState.StartsWith("28", StringComparison.Ordinal) && refused is not null
            && ReferenceEquals(Interlocked.CompareExchange(ref _dataSource, null, refused), refused))
        {
            await refused.DisposeAsync();
        }
    }

    private static bool IsConnectionLoss(Exception e) =>
        e is PostgresException p ? SpeaksOfOutage(p.SqlState) : e is NpgsqlException or IOException or SocketException;

    /// <summary>Classes of errors under which no other statement would do better: connection, resources, shutdown, credentials, read-only standby.</summary>
    private static bool SpeaksOfOutage(string sqlState) =>
        sqlState is PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.InvalidCatalogName
        || sqlState.StartsWith("08", StringComparison.Ordinal) || sqlState.StartsWith("28", StringComparison.Ordinal)
        || sqlState.StartsWith("53", StringComparison.Ordinal) || sqlState.StartsWith("57P", StringComparison.Ordinal);

    /// <summary>How far an attempt came.</summary>
    private sealed class Progress
    {
        public bool Opened { get; set; }

        public bool Committing { get; set; }

        public bool IsSafeToRepeat => Opened && !Committing;
    }
}
