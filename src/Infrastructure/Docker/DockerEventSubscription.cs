using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Docker;

/// <summary>Reads events off the engine's answer, a line each. A line that is none is logged and left out: it ends nothing.</summary>
internal sealed partial class DockerEventSubscription(Stream stream, ILogger log) : IContainerEventSubscription
{
    private const string What = "read the engine's events";
    private readonly StreamReader _lines = new(stream, new UTF8Encoding(false));

    public async Task<ContainerEvent> NextAsync(CancellationToken cancellationToken)
    {
        // Not every stream lets go of a read when its token is cancelled; each does when it is closed.
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
                // Whatever broke it, the stream is over.
                throw EngineErrors.Failed(EngineFailure.Unreachable, What, $"the stream broke ({e.GetBaseException().Message})", e);
            }

            if (line is null)
            {
                throw EngineErrors.Failed(EngineFailure.Unreachable, What, "the engine ended the stream");
            }

            if (Parse(line) is { } happened)
            {
                return happened;
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
            LogNoEvent(line.Length > 300 ? line[..300] + "…" : line, e);
            return null;
        }
    }

    [LoggerMessage(LogLevel.Warning, "The engine sent something that is no event: {Line}")]
    private partial void LogNoEvent(string line, Exception why);
}
