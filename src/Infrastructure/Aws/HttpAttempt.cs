using System.Net;

namespace HostService.Infrastructure.Aws;

/// <summary>One request that brought no usable answer; the message says why.</summary>
internal class AttemptFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The answer did not come in time.</summary>
internal sealed class AttemptTimedOutException(TimeSpan after) : AttemptFailedException($"no answer within {after.TotalSeconds:0.###} s");

internal static class HttpAttempt
{
    /// <summary>Metadata values are short, and so is a list of one tag.</summary>
    private const int LongestAnswer = 64 * 1024;

    /// <summary>One request, answered in full within <paramref name="timeout"/>; redirects are not followed.</summary>
    /// <exception cref="AttemptFailedException">Not reachable, not in time, or only half an answer.</exception>
    public static async Task<(HttpStatusCode Status, string Text)> AskAsync(
        this HttpMessageInvoker http, HttpRequestMessage request, TimeSpan timeout, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            using (request)
            {
                using var response = await http.SendAsync(request, either.Token);
                await response.Content.LoadIntoBufferAsync(LongestAnswer, either.Token);
                return (response.StatusCode, await response.Content.ReadAsStringAsync(either.Token));
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AttemptTimedOutException(timeout);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new AttemptFailedException(e.InnerException is { } inner ? $"{e.Message} ({inner.Message})" : e.Message, e);
        }
    }
}

/// <summary>Counts tries and waits between them.</summary>
internal sealed class Tries(int most, TimeSpan pause, TimeProvider timeProvider)
{
    /// <summary>How many have been made.</summary>
    public int Made { get; private set; } = 1;

    /// <summary>After a failed try: false when it was the last; otherwise true, after the pause.</summary>
    public async Task<bool> AgainAsync(CancellationToken cancellationToken)
    {
        if (Made >= most)
            return false;
        await Task.Delay(pause, timeProvider, cancellationToken);
        Made++;
        return true;
    }
}
