using Npgsql;

namespace HostService.Tests.Support;

/// <summary>
/// Records every status of every row in the backend's tables, in the order of commits, by a trigger in the database. A test can wait for a
/// status without polling.
/// </summary>
public sealed class RowHistory : IAsyncDisposable
{
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);
    private readonly PostgresServer _server;

    private RowHistory(PostgresServer server) => _server = server;

    /// <summary>Starts with an empty history.</summary>
    public static async Task<RowHistory> StartAsync(PostgresServer server)
    {
        await server.ExecuteAsync(
            """
            DROP TABLE IF EXISTS public.row_history;
            CREATE TABLE public.row_history (seq bigserial PRIMARY KEY, key varchar NOT NULL, status varchar NOT NULL);
            CREATE OR REPLACE FUNCTION public.keep_row_history() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE
                key_column text := TG_ARGV[0];
            BEGIN
                IF TG_OP = 'DELETE' THEN
                    INSERT INTO public.row_history (key, status) VALUES (to_jsonb(OLD) ->> key_column, 'gone');
                ELSIF TG_OP = 'INSERT' OR NEW.status IS DISTINCT FROM OLD.status THEN
                    INSERT INTO public.row_history (key, status) VALUES (to_jsonb(NEW) ->> key_column, NEW.status);
                END IF;
                NOTIFY row_history;
                RETURN NULL;
            END $$;
            CREATE OR REPLACE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON hardware.mandelbox_info
                FOR EACH ROW EXECUTE FUNCTION public.keep_row_history('mandelbox_id');
            CREATE OR REPLACE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON hardware.instance_info
                FOR EACH ROW EXECUTE FUNCTION public.keep_row_history('instance_name');
            """);
        return new RowHistory(server);
    }

    /// <summary>Inserts the rows that the webserver makes when it assigns mandelboxes.</summary>
    public Task AllocateAsync(string instance, string user, IEnumerable<string> mandelboxes) =>
        _server.ExecuteAsync(string.Concat(mandelboxes.Select(id =>
            $"""
            INSERT INTO hardware.mandelbox_info (mandelbox_id, user_id, instance_name, status, creation_time_utc_unix_ms)
            VALUES ('{id}', '{user}', '{instance}', 'ALLOCATED', {DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()});
            """)));

    /// <summary>The statuses of a mandelbox or an instance so far; <c>gone</c> once its row was removed.</summary>
    public Task<IReadOnlyList<string>> OfAsync(string key) =>
        _server.QueryAsync($"SELECT status FROM public.row_history WHERE key = '{key}' ORDER BY seq");

    /// <summary>Completes once the row has been removed.</summary>
    public Task GoneAsync(string key) => ReachedAsync(key, "gone");

    /// <summary>Completes once the row has had this status.</summary>
    public async Task ReachedAsync(string key, string status)
    {
        using var limit = new CancellationTokenSource(WaitTimeout);
        await using var connection = new NpgsqlConnection(_server.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(limit.Token);
        await using (var listen = new NpgsqlCommand("LISTEN row_history", connection))
        {
            await listen.ExecuteNonQueryAsync(limit.Token);
        }

        while (true)
        {
            const string Sql = "SELECT count(*) FROM public.row_history WHERE key = $1 AND status = $2";
            await using (var query = new NpgsqlCommand(Sql, connection))
            {
                query.Parameters.AddWithValue(key);
                query.Parameters.AddWithValue(status);
                if ((long)(await query.ExecuteScalarAsync(limit.Token))! > 0)
                {
                    return;
                }
            }

            try
            {
                await connection.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException exception) when (limit.IsCancellationRequested)
            {
                throw new TimeoutException($"{key} never became {status}; it was {string.Join(", ", await OfAsync(key))}", exception);
            }
        }
    }

    public async ValueTask DisposeAsync() => await _server.ExecuteAsync(
        "DROP TRIGGER history ON hardware.mandelbox_info; DROP TRIGGER history ON hardware.instance_info; DROP TABLE public.row_history");
}
