using System.Runtime.CompilerServices;
using HostService.GrainInterfaces;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;
using HostService.Silo.Reporting;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Sentry;

namespace HostService.Tests.Unit.Startup;

/// <summary>The SDK is one for the process.</summary>
[CollectionDefinition(nameof(ErrorReporting), DisableParallelization = true)]
public sealed class ErrorReportingCollection;

/// <summary>What operators find in Sentry of what the service logs.</summary>
[Collection(nameof(ErrorReporting))]
public sealed class ErrorReportingTests
{
    private const string Unobserved = "nobody waits for this task";

    [Fact]
    public async Task A_logged_error_arrives_with_environment_release_and_its_fields_as_tags()
    {
        await using var server = await SentryServer.StartAsync(isOfThisProcess: true);

        await ReportAsync(server.Dsn, logger => logger.LogError("Mandelbox {MandelboxId} was lost", "m1"));

        var sent = await server.NextEventAsync();
        Assert.Equal("Mandelbox m1 was lost", sent.GetProperty("logentry").GetProperty("formatted").GetString());
        Assert.Equal(("error", "STAGING"), (sent.GetProperty("level").GetString(), sent.GetProperty("environment").GetString()));
        Assert.Equal(ServiceVersion.Commit, sent.GetProperty("release").GetString());
        Assert.Equal(Environment.MachineName, sent.GetProperty("server_name").GetString());
        Assert.Equal("m1", sent.GetProperty("tags").GetProperty("MandelboxId").GetString());
        Assert.Equal("HostService.Test", sent.GetProperty("logger").GetString());
        Assert.False(sent.TryGetProperty("user", out var user) && user.TryGetProperty("username", out _));
    }

    [Fact]
    public async Task A_report_names_the_instance()
    {
        await using var server = await SentryServer.StartAsync(isOfThisProcess: true);

        // What is set in one asynchronous flow must be seen in all others.
        await ReportAsync(server.Dsn, async logger =>
        {
            await Task.Run(() => ErrorReporting.Identify(new HostIdentity("name", "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "203.0.113.7")));
            await Task.Run(() => logger.LogError("The engine failed"));
        });

        var tags = (await server.NextEventAsync()).GetProperty("tags");
        Assert.Equal(
            ["ami-1", "i-1", "g4dn.xlarge", "us-east-1", "203.0.113.7"],
            new[] { "aws.ami-id", "aws.instance-id", "aws.instance-type", "aws.placement-region", "aws.public-ipv4" }
                .Select(tag => tags.GetProperty(tag).GetString()));
    }

    [Fact]
    public async Task A_logged_exception_arrives_with_its_cause_and_its_stack()
    {
        await using var server = await SentryServer.StartAsync(isOfThisProcess: true);

        await ReportAsync(server.Dsn, logger =>
        {
            try
            {
                throw new IOException("the engine is away", new TimeoutException("no answer"));
            }
            catch (IOException exception)
            {
                logger.LogError(exception, "The engine failed");
            }
        });

        var exceptions = (await server.NextEventAsync()).GetProperty("exception").GetProperty("values").EnumerateArray().ToArray();
        Assert.Equal(["no answer", "the engine is away"], exceptions.Select(e => e.GetProperty("value").GetString()));
        var stack = exceptions[1].GetProperty("stacktrace").ToString();
        Assert.Contains(nameof(A_logged_exception_arrives_with_its_cause_and_its_stack), stack, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_logged_before_an_error_comes_with_it_without_the_credentials_in_its_addresses()
    {
        await using var server = await SentryServer.StartAsync(isOfThisProcess: true);

        await ReportAsync(server.Dsn, async logger =>
        {
            await Task.Run(() => logger.LogInformation("asks https://user:secret@engine/x now"));
            await Task.Run(() => logger.LogError("The engine failed"));
        });

        var breadcrumbs = (await server.NextEventAsync()).GetProperty("breadcrumbs").EnumerateArray();
        Assert.Equal("asks https://[Filtered]:[Filtered]@engine/x now", Assert.Single(breadcrumbs).GetProperty("message").GetString());
    }

    [Fact]
    public async Task Lines_with_data_of_a_user_are_neither_breadcrumbs_nor_events()
    {
        await using var server = await SentryServer.StartAsync(isOfThisProcess: true);

        await ReportAsync(server.Dsn, logger =>
        {
            var userData = new EventId(1, LogEvents.UserData + "Anything");
            logger.LogWarning(userData, "my-diary.txt cannot be uploaded");
            logger.LogError(userData, "my-letter.txt cannot be uploaded");
            logger.LogError("The drive is lost");
        });

        await server.NextEventAsync("The drive is lost");
        Assert.Empty(server.TakeUnread());
        Assert.DoesNotContain("my-", server.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ShutdownReason.Signal, ExitCodes.Ended, "info")]
    [InlineData(ShutdownReason.EngineLost, ExitCodes.EngineLost, "fatal")]
    public async Task The_last_report_is_the_cause_of_the_end(ShutdownReason reason, int exitCode, string level)
    {
        await using var server = await SentryServer.StartAsync(isOfThisProcess: true);

        await ReportAsync(
            server.Dsn,
            logger =>
            {
                logger.LogInformation("Shutting down: stop the silo");
                return Task.CompletedTask;
            },
            new ShutdownRequest(reason, "the detail", exitCode));

        var sent = await server.NextEventAsync();
        Assert.Equal($"The service ends ({reason}): the detail", sent.GetProperty("logentry").GetProperty("formatted").GetString());
        Assert.Equal(
            (level, $"{reason}"), (sent.GetProperty("level").GetString(), sent.GetProperty("tags").GetProperty("cause").GetString()));
        Assert.Equal(
            "Shutting down: stop the silo",
            Assert.Single(sent.GetProperty("breadcrumbs").EnumerateArray()).GetProperty("message").GetString());
    }

    [Fact]
    public async Task What_is_logged_after_the_cause_of_the_end_is_not_reported()
    {
        await using var server = await SentryServer.StartAsync(isOfThisProcess: true);
        var answers = new TaskCompletionSource();
        server.Answers = answers.Task;
        ILogger? afterwards = null;
        var stopping = ReportAsync(
            server.Dsn,
            logger =>
            {
                afterwards = logger;
                return Task.CompletedTask;
            },
            new ShutdownRequest(ShutdownReason.Signal, "SIGTERM", ExitCodes.Ended));
        await server.NextEventAsync("The service ends");

        afterwards!.LogError("A task that nobody waits for failed");
        answers.SetResult();
        await stopping;

        Assert.Empty(server.TakeUnread());
    }

    [Fact]
    public async Task A_flush_returns_once_everything_is_sent()
    {
        await using var server = await SentryServer.StartAsync(isOfThisProcess: true);

        await ReportAsync(server.Dsn, logger =>
        {
            for (var i = 0; i < 10; i++)
            {
                logger.LogError("Error {Number}", i);
            }

            // As another test may have: the SDK reports it when its task is collected.
            CollectFailedTask();
        });

        Assert.Equal(10, server.TakeUnread().Length);
        Assert.Contains(Unobserved, server.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_DSN_nothing_is_reported()
    {
        await ReportAsync("", logger =>
        {
            Assert.False(SentrySdk.IsEnabled);
            logger.LogError("nobody is told");
        });
    }

    [Fact]
    public async Task A_server_that_is_away_fails_neither_the_logger_nor_the_flush() =>
        await ReportAsync($"http://key@127.0.0.1:{TestPorts.Reserve()}/1", logger =>
        {
            logger.LogError("hello");
            Assert.True(SentrySdk.IsEnabled);
        });

    [Fact]
    public async Task Reporting_writes_no_file()
    {
        const string Variable = "XDG_DATA_HOME";
        using var home = new ScratchDirectory();
        await using var server = await SentryServer.StartAsync(isOfThisProcess: true);
        var before = Environment.GetEnvironmentVariable(Variable);
        Environment.SetEnvironmentVariable(Variable, home.Path);
        try
        {
            await ReportAsync(server.Dsn, logger => logger.LogError("hello"));

            Assert.Single(server.TakeUnread());
            Assert.Empty(Directory.EnumerateFileSystemEntries(home.Path));
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, before);
        }
    }

    /// <summary>The thread that ran the task may refer to it a little longer: then it is not collected yet.</summary>
    private static void CollectFailedTask()
    {
        var isCollected = false;
        TaskScheduler.UnobservedTaskException += Collected;
        LeaveFailedTask();
        while (!isCollected)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        TaskScheduler.UnobservedTaskException -= Collected;

        void Collected(object? sender, UnobservedTaskExceptionEventArgs e) =>
            isCollected |= e.Exception.InnerException is IOException { Message: Unobserved };
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LeaveFailedTask() =>
        ((IAsyncResult)Task.Run(() => throw new IOException(Unobserved))).AsyncWaitHandle.WaitOne();

    private static Task ReportAsync(string dsn, Action<ILogger> log) => ReportAsync(dsn, logger =>
    {
        log(logger);
        return Task.CompletedTask;
    });

    /// <summary>Logs as the service does, and flushes before it returns.</summary>
    private static async Task ReportAsync(string dsn, Func<ILogger, Task> log, ShutdownRequest? end = null)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("Sentry:Dsn", dsn), new("APP_ENV", "STAGING")]).Build();

        // Each step of the start is an asynchronous flow of its own.
        using var reporting = await Task.Run(() => ErrorReporting.Start(configuration));
        using var logging = await Task.Run(() => LoggerFactory.Create(builder => builder.AddErrorReporting()));
        await log(logging.CreateLogger("HostService.Test"));
        await ErrorReporting.StopAsync(end);
    }
}
