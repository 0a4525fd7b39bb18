using Npgsql;

namespace HostService.Infrastructure.Backend.Connection;

/// <summary>The connections of one connection string.</summary>
internal sealed class ConnectionPool(NpgsqlConnectionStringBuilder settings) : IAsyncDisposable
{
    private readonly NpgsqlDataSource _dataSource = NpgsqlDataSource.Create(settings);
    private readonly CancellationTokenSource _dropped = new();

    /// <exception cref="CredentialsDroppedException">Before or during this call, the pool was disposed of.</exception>
    public async Task<NpgsqlConnection> OpenConnectionAsync(CancellationToken cancellationToken)
    {
        try
        {
            // A data source that is disposed of does not wake those that wait for one of its connections.
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _dropped.Token);
            return await _dataSource.OpenConnectionAsync(either.Token);
        }
        catch (Exception exception)
            when (exception is OperationCanceledException or ObjectDisposedException && _dropped.IsCancellationRequested)
        {
            throw new CredentialsDroppedException(exception);
        }
    }

    /// <summary>Connections in use stay until their queries have ended. May be repeated, as the application does at its end.</summary>
    public async ValueTask DisposeAsync()
    {
        await _dropped.CancelAsync();
        await _dataSource.DisposeAsync();
    }
}

/// <summary>The server has refused the credentials of this pool.</summary>
internal sealed class CredentialsDroppedException(Exception inner)
    : Exception("the server no longer accepts these credentials.", inner);
