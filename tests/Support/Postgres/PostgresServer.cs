using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Npgsql;

namespace HostService.Tests.Support;

/// <summary>
/// A PostgreSQL server for tests: a cluster in a temporary directory, with the backend's schema, that listens on a unix socket, and on a
/// machine of a <see cref="MachineNetwork"/> if it runs there. It can be stopped and started again. postgres refuses to run as root; started by root, it runs as another user.
/// </summary>
public sealed partial class PostgresServer : IAsyncDisposable
{
    private const int Quit = 3;
    private static readonly string? Binaries = FindBinaries();
    private readonly string _directory;
    private readonly Machine? _machine;
    private Process? _process;

    private PostgresServer(string directory, Machine? machine) => (_directory, _machine) = (directory, machine);

    /// <summary>Why this machine cannot run one, or null.</summary>
    public static string? SkipReason { get; } = Binaries is null
        ? "PostgreSQL is not installed: apt-get install postgresql"
        : Environment.IsPrivilegedProcess && !File.Exists("/usr/bin/setpriv")
            ? "setpriv is not installed: apt-get install util-linux"
            : null;

    public string ConnectionString => $"Host={_directory};Username=postgres;Database=postgres";

    /// <summary>As other machines reach it.</summary>
    public string NetworkConnectionString => $"Host={_machine!.Address};Username=postgres;Database=postgres";

    /// <summary>The file of its unix socket.</summary>
    public string Socket => Path.Combine(_directory, ".s.PGSQL.5432");

    /// <summary>Makes a new cluster with the schema; returns once it takes connections.</summary>
    public static async Task<PostgresServer> StartNewAsync(Machine? machine = null)
    {
        var directory = Directory.CreateTempSubdirectory("pg-").FullName;
        var server = new PostgresServer(directory, machine);
        try
        {
            // The user that postgres runs as makes the cluster and its socket in here.
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(directory, (UnixFileMode)0b111_111_111);
            }

            using var initdb = server.Launch(
                "initdb", "-D", server.Data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync");
            var errors = initdb.StandardError.ReadToEndAsync();
            await initdb.StandardOutput.ReadToEndAsync();
            await initdb.WaitForExitAsync();
            if (initdb.ExitCode != 0)
            {
                throw new InvalidOperationException("initdb failed: " + await errors);
            }

            if (machine is not null)
            {
                await File.AppendAllTextAsync(Path.Combine(server.Data, "pg_hba.conf"), "host all all samenet trust\n");
            }

            await server.StartAsync();
            await server.ExecuteAsync(Schema());
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a stopped server; returns once it takes connections.</summary>
    public async Task StartAsync()
    {
        // Without fsync, a crash of the machine loses data; a crash of the server does not.
        var process = Launch(
            "postgres", "-D", Data, "-k", _directory,
            "-c", $"listen_addresses={_machine?.Address}", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB");
        _process = process;
        var log = new StringBuilder();
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            log.AppendLine(line);
            if (line.Contains("database system is ready to accept connections", StringComparison.Ordinal))
            {
                // Keep reading, or the pipe fills up and postgres blocks.
                _ = process.StandardError.ReadToEndAsync();
                return;
            }
        }

        throw new InvalidOperationException("postgres did not start: " + log);
    }

    /// <summary>Ends the server and every connection at once; committed data is still there after the next start.</summary>
    public async Task StopAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            _ = Kill(process.Id, Quit);
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <summary>Runs statements over a new connection.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The first column of every row, as text.</summary>
    public async Task<IReadOnlyList<string>> QueryAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
        {
            rows.Add(Convert.ToString(reader.GetValue(0)) ?? "");
        }

        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private string Data => Path.Combine(_directory, "data");

    private Process Launch(string program, params string[] arguments)
    {
        string[] command = [Path.Combine(Binaries!, program), .. arguments];
        if (Environment.IsPrivilegedProcess)
        {
            var user = File.ReadLines("/etc/passwd").Any(l => l.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";
            var group = user == "postgres" ? "postgres" : "nogroup";
            command = ["/usr/bin/setpriv", "--reuid=" + user, "--regid=" + group, "--clear-groups", .. command];
        }

        command = _machine?.Network.Enter(command) ?? command;

        var start = new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = "/",
        };
        start.Environment["LC_ALL"] = "C";
        return Process.Start(start) ?? throw new InvalidOperationException(program + " did not start");
    }

    private static string? FindBinaries() => Directory.Exists("/usr/lib/postgresql")
        ? Directory.EnumerateDirectories("/usr/lib/postgresql").Order().Select(d => Path.Combine(d, "bin"))
            .LastOrDefault(d => File.Exists(Path.Combine(d, "postgres")))
        : null;

    /// <summary>The backend's two tables once more, in another schema.</summary>
    public Task AddSchemaAsync(string name) => ExecuteAsync(Schema().Replace("hardware", $"\"{name}\"", StringComparison.Ordinal));

    private static string Schema()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("database.sql")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}
