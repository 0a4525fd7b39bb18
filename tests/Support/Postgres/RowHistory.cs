using Npgsql;

namespace HostService.Tests.Support;

/// <summary>
/// Keeps every status that a row of the backend's tables has had, in the order in which it was committed, and lets a test wait for one without polling: a trigger in
/// the database writes it down and notifies.
/// </summary>
public sealed class RowHistory : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly PostgresServer _server;

    private RowHistory(PostgresServer server) => _server = server;

    /// <summary>Forgets what was before.</summary>
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

    /// <summary>Rows as the webserver makes them when it assigns mandelboxes.</summary>
    public Task AllocateAsync(string instance, string user, IEnumerable<string> mandelboxes) => _server.ExecuteAsync(string.Concat(mandelboxes.Select(id =>
        $"""
        INSERT INTO hardware.mandelbox_info (mandelbox_id, user_id, instance_name, status, creation_time_utc_unix_ms)
        VALUES ('{id}', '{user}', '{instance}', 'ALLOCATED', {DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()});
        """)));

    /// <summary>The statuses of a mandelbox or an instance so far; <c>gone</c> is the last.</summary>
    public Task<IReadOnlyList<string>> OfAsync(string key) => _server.QueryAsync($"SELECT status FROM public.row_history WHERE key = '{key}' ORDER BY seq");

    /// <summary>Ends once the row has been removed.</summary>
    public Task GoneAsync(string key) => ReachedAsync(key, "gone");

    /// <summary>Ends once the row has had this status.</summary>
    public async Task ReachedAsync(string key, string status)
    {
        using var limit = new CancellationTokenSource(Patience);
        await using var connection = new NpgsqlConnection(_server.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(limit.Token);
        await using (var listen = new NpgsqlCommand("LISTEN row_history", connection))
        {
            await listen.ExecuteNonQueryAsync(limit.Token);
        }

        while (true)
        {
            await using (var look = new NpgsqlCommand("SELECT count(*) FROM public.row_history WHERE key = $1 AND status = $2", connection))
            {
                look.Parameters.AddWithValue(key);
                look.Parameters.AddWithValue(status);
                if ((long)(await look.ExecuteScalarAsync(limit.Token))! > 0)
                {
                    return;
                }
            }

            try
            {
                await connection.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException late) when (limit.IsCancellationRequested)
            {
                throw new TimeoutException($"{key} never became {status}; it was {string.Join(", ", await OfAsync(key))}", late);
            }
        }
    }

    public async ValueTask DisposeAsync() => await _server.ExecuteAsync(
        "DROP TRIGGER history ON hardware.mandelbox_info; DROP TRIGGER history ON hardware.instance_info; DROP TABLE public.row_history");
}
