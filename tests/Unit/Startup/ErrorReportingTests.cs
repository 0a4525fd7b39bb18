using HostService.Silo.Reporting;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;
using Sentry;

namespace HostService.Tests.Unit.Startup;

/// <summary>The SDK is one for the process.</summary>
[CollectionDefinition(nameof(ErrorReporting), DisableParallelization = true)]
public sealed class ErrorReportingCollection;

[Collection(nameof(ErrorReporting))]
public sealed class ErrorReportingTests
{
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
}
