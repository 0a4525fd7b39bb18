using Dapper;
using Npgsql;

namespace HostService.Infrastructure.Backend.Connection;

/// <summary>One transaction, cancelled by the timeout of its session.</summary>
internal sealed class DatabaseTransaction(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellationToken)
{
    /// <summary>The one row, or null.</summary>
    public Task<T?> FindAsync<T>(string sql, object parameters)
        where T : class => connection.QuerySingleOrDefaultAsync<T>(Command(sql, parameters));

    public async Task<IReadOnlyList<T>> ListAsync<T>(string sql, object? parameters = null) =>
        [.. await connection.QueryAsync<T>(Command(sql, parameters))];

    public Task<int> ExecuteAsync(string sql, object? parameters = null) => connection.ExecuteAsync(Command(sql, parameters));

    private CommandDefinition Command(string sql, object? parameters) =>
        new(sql, parameters, transaction, cancellationToken: cancellationToken);
}
