using Npgsql;

namespace HostService.Infrastructure.Fleet;

/// <summary>The tables of a fleet, and the statements that Orleans runs on them.</summary>
public static class FleetSchema
{
    /// <summary>PostgreSQL's schema.</summary>
    public const string Name = "host_service_fleet";

    /// <summary>Makes all of it where it is missing; one transaction.</summary>
    public static string Sql { get; } = EmbeddedFile.Read("fleet.sql");

    /// <summary>Applies <see cref="Sql"/>. May be repeated.</summary>
    /// <exception cref="FleetDatabaseException">The database is away, or refuses.</exception>
    public static Task ApplyAsync(string connectionString, CancellationToken cancellationToken) =>
        RunAsync(connectionString, async connection =>
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

            // Without parameters of its own: the statements that are stored keep theirs.
            await using var command = new NpgsqlCommand(Sql, connection, transaction);
            await command.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return true;
        }, cancellationToken);

    /// <summary>Whether <see cref="ApplyAsync"/> has been done there by this version or another one.</summary>
    /// <exception cref="FleetDatabaseException">The database is away, or refuses.</exception>
    public static Task<bool> IsThereAsync(string connectionString, CancellationToken cancellationToken) =>
        RunAsync(connectionString, async connection =>
        {
            await using var command = new NpgsqlCommand($"SELECT to_regclass('{Name}.orleansquery') IS NOT NULL", connection);
            return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
        }, cancellationToken);

    private static async Task<T> RunAsync<T>(
        string connectionString, Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            await using var source = NpgsqlDataSource.Create(connectionString);
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            return await work(connection);
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException)
        {
            throw new FleetDatabaseException($"The fleet's database cannot be used: {exception.Message}", exception);
        }
    }
}

/// <summary>The fleet's database is away, or refuses; the message says why.</summary>
public sealed class FleetDatabaseException(string message, Exception? inner = null) : Exception(message, inner);
