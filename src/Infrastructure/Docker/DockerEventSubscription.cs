using System.Text;
using System.Text.Json;

namespace HostService.Infrastructure.Docker;

/// <summary>Reads events from the engine's answer, one a line. An invalid line is logged and skipped.</summary>
internal sealed partial class DockerEventSubscription(Stream stream, ILogger logger) : IContainerEventSubscription
{
    private const string What = "read the engine's events";

    private readonly StreamReader _lines = new(stream, new UTF8Encoding(false));

    public async Task<ContainerEvent> NextAsync(CancellationToken cancellationToken)
    {
        // Not every stream ends a read when its token is cancelled; each does when it is closed.
        await using var _ = cancellationToken.UnsafeRegister(static s => ((Stream)s!).Dispose(), stream);
        while (true)
        {
            string? line;
            try
            {
                line = await _lines.ReadLineAsync(cancellationToken);
            }
            catch (Exception e) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException("No longer watching the engine's events.", e, cancellationToken);
            }
            catch (Exception e)
            {
                throw EngineErrors.Failed(EngineFailure.Unreachable, What, $"the stream broke ({e.GetBaseException().Message})", e);
            }

            if (line is null)
            {
                throw EngineErrors.Failed(EngineFailure.Unreachable, What, "the engine ended the stream");
            }

            if (Parse(line) is { } containerEvent)
            {
                return containerEvent;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _lines.Dispose();
        await stream.DisposeAsync();
    }

    private ContainerEvent? Parse(string line)
    {
        if (string.IsNullOrWhiteSpace(line))
        {
            return null;
        }

        try
        {
            return DockerAnswers.Event(line);
        }
        catch (JsonException e)
        {
            LogInvalid(line.Length > 300 ? line[..300] + "…" : line, e);
            return null;
        }
    }

    [LoggerMessage(LogLevel.Warning, "The engine sent an invalid event: {Line}")]
    private partial void LogInvalid(string line, Exception exception);
}
