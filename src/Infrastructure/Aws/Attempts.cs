using System.Net;
using System.Xml;
using Amazon.Runtime;
using Polly;
using Polly.Retry;

namespace HostService.Infrastructure.Aws;

/// <summary>A request without a usable answer; the message says why.</summary>
internal class AttemptFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The answer did not come in time.</summary>
internal sealed class AttemptTimedOutException(TimeSpan after) : AttemptFailedException($"no answer within {after.TotalSeconds:0.###} s");

/// <summary>Retries and time limits for requests to AWS.</summary>
internal static class Attempts
{
    /// <summary>Repeats what ends with <see cref="AttemptFailedException"/>, <see cref="Ec2Options.Tries"/> times in all.</summary>
    /// <param name="retryTimeouts">Whether to repeat a request that was not answered in time.</param>
    public static ResiliencePipeline Retry(Ec2Options options, TimeProvider timeProvider, bool retryTimeouts = true)
    {
        var builder = new ResiliencePipelineBuilder { TimeProvider = timeProvider };
        if (options.Tries > 1)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder()
                    .Handle<AttemptFailedException>(e => retryTimeouts || e is not AttemptTimedOutException),
                MaxRetryAttempts = options.Tries - 1,
                Delay = options.Pause,
            });
        }

        return builder.Build();
    }

    /// <summary>One request, answered in full within <paramref name="timeout"/>.</summary>
    /// <exception cref="AttemptFailedException">Not reachable, too late, an error of the server, or an incomplete answer.</exception>
    public static async Task<T> WithinAsync<T>(
        TimeSpan timeout, TimeProvider timeProvider, Func<CancellationToken, Task<T>> request, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await request(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AttemptTimedOutException(timeout);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or XmlException or AmazonClientException
            || (e is AmazonServiceException && !IsRefusal(e)))
        {
            throw new AttemptFailedException(e.InnerException is { } inner ? $"{e.Message} ({inner.Message})" : e.Message, e);
        }
    }

    /// <summary>The service answered that the request itself is at fault: repeating it does not help.</summary>
    public static bool IsRefusal(Exception exception) =>
        exception is AmazonServiceException { StatusCode: >= (HttpStatusCode)400 and < (HttpStatusCode)500 };
}
