using System.IO.Compression;
using System.Net;
using System.Text.Json.Nodes;
using HostService.GrainInterfaces;
using HostService.Silo.Hosting;
using HostService.Silo.Reporting;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Sentry;

namespace HostService.Tests.Unit.Startup;

/// <summary>The SDK is one for the process.</summary>
[CollectionDefinition(nameof(ErrorReporting), DisableParallelization = true)]
public sealed class ErrorReportingCollection;

[Collection(nameof(ErrorReporting))]
public sealed class ErrorReportingTests
{
    [Fact]
    public async Task A_logged_error_is_sent_with_its_fields_and_with_what_tells_this_host_and_build_apart()
    {
        using var server = new HttpListener();
        var port = ServiceProcess.FreePort();
        server.Prefixes.Add($"http://127.0.0.1:{port}/");
        server.Start();
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Sentry:Dsn", $"http://key@127.0.0.1:{port}/1"), new("APP_ENV", "STAGING")]).Build();
        using var reporting = ErrorReporting.Start(configuration);
        using var logging = LoggerFactory.Create(builder => builder.AddErrorReporting());
        ErrorReporting.Identify(new HostIdentity("name", "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "203.0.113.7"));

#pragma warning disable CA1848, CA2254 // As the generated methods of the service log: with fields.
        var logger = logging.CreateLogger("HostService.Grains");
        logger.LogInformation("before it");
        logger.LogError(new InvalidOperationException("boom"), "Mandelbox {MandelboxId} failed", "mb-7");
#pragma warning restore CA1848, CA2254

        var sent = await EventAsync(server);
        Assert.Equal(ServiceVersion.Commit, (string?)sent["release"]);
        Assert.Equal("STAGING", (string?)sent["environment"]);
        Assert.Equal("HostService.Grains", (string?)sent["logger"]);
        Assert.Equal(
            ["mb-7", "ami-1", "i-1", "g4dn.xlarge", "us-east-1", "203.0.113.7"],
            new[] { "MandelboxId", "aws.ami-id", "aws.instance-id", "aws.instance-type", "aws.placement-region", "aws.public-ipv4" }
                .Select(tag => (string?)sent["tags"]![tag]));
        Assert.Contains("boom", sent["exception"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("before it", sent["breadcrumbs"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Null(sent["user"]?["username"]);
    }

    [Fact]
    public void Reporting_leaves_no_file_in_its_users_home()
    {
        const string Variable = "XDG_DATA_HOME";
        using var home = new ScratchDirectory();
        var before = Environment.GetEnvironmentVariable(Variable);
        Environment.SetEnvironmentVariable(Variable, home.Path);
        try
        {
            // Nobody listens there: what counts is what an event does before it is sent.
            var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("Sentry:Dsn", "http://key@127.0.0.1:1/1")]).Build();
            using (ErrorReporting.Start(configuration))
            {
                Assert.NotEqual(SentryId.Empty, SentrySdk.CaptureMessage("hello"));
            }

            Assert.Empty(Directory.EnumerateFileSystemEntries(home.Path));
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, before);
        }
    }

    /// <summary>The first event that the SDK sends: a gzipped envelope of lines, of which the event is one.</summary>
    private static async Task<JsonNode> EventAsync(HttpListener server)
    {
        while (true)
        {
            var request = await server.GetContextAsync().WaitAsync(TimeSpan.FromSeconds(30));
            using var reader = new StreamReader(new GZipStream(request.Request.InputStream, CompressionMode.Decompress));
            var lines = (await reader.ReadToEndAsync()).Split('\n');
            request.Response.Close();
            if (Array.Find(lines, line => line.Contains("\"exception\"", StringComparison.Ordinal)) is { } line)
            {
                return JsonNode.Parse(line)!;
            }
        }
    }
}
