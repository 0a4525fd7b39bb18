using Sentry;

namespace HostService.Tests.Packages.Sentry;

/// <summary>The SDK is one for the process, so tests of it do not run side by side.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class SentryCollection
{
    public const string Name = "Sentry";
}

/// <summary>A server of its own for each test, and the SDK closed at its end.</summary>
[Collection(SentryCollection.Name)]
public abstract class SentryTest : IAsyncLifetime
{
    protected SentryServer Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await SentryServer.StartAsync();

    public async Task DisposeAsync()
    {
        SentrySdk.Close();
        await Server.DisposeAsync();
    }

    // Other tests of this process leave tasks unobserved; they are no business of these. And they leave no file in anybody's home.
    protected void Init(Action<SentryOptions>? configure = null) => SentrySdk.Init(options =>
    {
        options.Dsn = Server.Dsn;
        options.DisableUnobservedTaskExceptionCapture();
        options.DisableFileWrite = true;
        configure?.Invoke(options);
    });

    /// <summary>With a stack trace, as one that was caught.</summary>
    protected static Exception Thrown(Exception exception)
    {
        try
        {
            throw exception;
        }
        catch (Exception caught)
        {
            return caught;
        }
    }
}
