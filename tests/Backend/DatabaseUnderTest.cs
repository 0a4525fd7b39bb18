using System.Globalization;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Backend;

/// <summary>The real code over a real server, with a clock that a test drives, and an instance name that no other test has.</summary>
internal sealed class DatabaseUnderTest : IAsyncDisposable
{
    private readonly PostgresServer? _server;
    private readonly string _schema;

    public DatabaseUnderTest(PostgresServer server, Action<DatabaseOptions>? configure = null)
        : this(server.ConnectionString, configure) => _server = server;

    /// <summary>Reaches the server by a way of its own.</summary>
    public DatabaseUnderTest(PostgresServer server, string connectionString, Action<DatabaseOptions>? configure = null)
        : this(connectionString, configure) => _server = server;

    public DatabaseUnderTest(string connectionString, Action<DatabaseOptions>? configure = null)
    {
        var settings = new DatabaseOptions { ConnectionString = connectionString };
        configure?.Invoke(settings);
        _schema = $"\"{settings.Schema}\"";
        var options = Options.Create(settings);
        var source = new ConnectionStringSource(
            options, new HerokuConfigVars(new HttpClient()), NullLogger<ConnectionStringSource>.Instance);
        Database = new BackendDatabase(new DatabaseSession(source, options, Clock), options, Clock, Log);
    }

    public ManualClock Clock { get; } = new();

    public RecordingLogger<BackendDatabase> Log { get; } = new();

    public BackendDatabase Database { get; }

    public string Instance { get; } = "instance-" + Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);

    /// <summary>By the database's clock, which is this machine's.</summary>
    public static long NowMs => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private PostgresServer Server => _server ?? throw new InvalidOperationException("There is no server behind this one.");

    public HostRegistration Registration(MachineFigures? figures = null) => new(
        new HostIdentity(Instance, "i-0123", "g4dn.xlarge", "ami-1", "us-east-1", "203.0.113.7"), "abcdef0123456789", 4, figures ?? Figures(
            1000, 2000, 3000));

    /// <summary>Figures of a machine on which nothing but page cache fills the memory: little is free, all of it is available.</summary>
    public static MachineFigures Figures(long? availableMemoryKb = 1, long? nanoCpus = 1, long? freeGpuMemoryKb = 1) => new()
    {
        At = default,
        FreeMemoryKb = 7,
        AvailableMemoryKb = availableMemoryKb,
        NanoCpusRemaining = nanoCpus,
        FreeGpuMemoryKb = freeGpuMemoryKb,
    };

    /// <summary>The mandelboxes that are alive on the host.</summary>
    public static Func<CancellationToken, Task<IReadOnlyCollection<string>>> Alive(params string[] ids) =>
        _ => Task.FromResult<IReadOnlyCollection<string>>(ids);

    /// <summary>The row as the webserver makes it before the instance starts.</summary>
    public Task AddInstanceAsync(
        string status = "PRE_CONNECTION", string ami = "ami-1", string region = "us-east-1", string type = "g4dn.xlarge",
        string commit = "abcdef0") =>
        Server.ExecuteAsync(
            $"""
            INSERT INTO {_schema}.instance_info
                (instance_name, ip, location, aws_ami_id, aws_instance_type, cloud_provider_id, commit_hash, creation_time_utc_unix_ms, status)
            VALUES ('{Instance}', '', '{region}', '{ami}', '{type}', '', '{commit}', 0, '{status}')
            """);

    /// <summary>An instance that is registered already.</summary>
    public async Task RegisterAsync()
    {
        await AddInstanceAsync();
        var answer = await Database.RegisterAsync(Registration(), default);
        Assert.Equal(new RegistrationAnswer(RegistrationOutcome.Registered, null), answer);
    }

    /// <summary>The row as the webserver makes it when it assigns a mandelbox.</summary>
    public Task AddMandelboxAsync(string id, string user = "user-1", string status = "ALLOCATED", TimeSpan age = default) =>
        Server.ExecuteAsync(
            $"""
            INSERT INTO {_schema}.mandelbox_info (mandelbox_id, user_id, instance_name, status, creation_time_utc_unix_ms)
            VALUES ('{id}', '{user}', '{Instance}', '{status}', {NowMs - (long)age.TotalMilliseconds})
            """);

    /// <summary>A mandelbox in its user's hands or on the way there.</summary>
    public async Task ClaimAsync(string id)
    {
        await AddMandelboxAsync(id);
        Assert.Null(await Database.ClaimMandelboxAsync(Instance, id, "user-1", default));
    }

    public async Task<string?> StatusOfAsync(string mandelboxId) =>
        (await Server.QueryAsync($"SELECT status FROM {_schema}.mandelbox_info WHERE mandelbox_id = '{mandelboxId}'")).SingleOrDefault();

    public async Task<string?> InstanceAsync(string column) =>
        (await Server.QueryAsync($"SELECT {column} FROM {_schema}.instance_info WHERE instance_name = '{Instance}'")).SingleOrDefault();

    /// <summary>An id that no other test has.</summary>
    public string NewId(string name = "m") => $"{name}-{Guid.NewGuid():N}";

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
