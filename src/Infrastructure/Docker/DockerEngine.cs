using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using Docker.DotNet;
using Docker.DotNet.Models;
using Polly;
using Polly.Retry;

namespace HostService.Infrastructure.Docker;

/// <summary>Docker, through Docker.DotNet. Every call has a timeout.</summary>
internal sealed class DockerEngine(IOptions<DockerOptions> options, TimeProvider timeProvider, ILogger<DockerEngine> logger)
    : IContainerEngine, IDisposable
{
    private const int PieceOfOutput = 16 * 1024;

    private readonly DockerOptions _options = options.Value;
    private readonly EngineConnection _connection = new(options);

    /// <summary>
    /// 409: somebody else is removing the container. Repeated until the engine answers that it does not know it, or the timeout ends the
    /// wait. 500: the engine cannot unmount yet what a container that just ended used. Three tries.
    /// </summary>
    private readonly ResiliencePipeline _removal = new ResiliencePipelineBuilder { TimeProvider = timeProvider }
        .AddRetry(RemovalRetry(HttpStatusCode.Conflict, int.MaxValue))
        .AddRetry(RemovalRetry(HttpStatusCode.InternalServerError, 2))
        .Build();

    private volatile EngineInfo? _info;

    public void Dispose() => _connection.Dispose();

    public async Task<EngineInfo> PingAsync(CancellationToken cancellationToken)
    {
        var known = _info;

        // Unknown until it answers: after an outage the engine may have other runtimes.
        _info = null;
        return await CallAsync("reach the container engine", _options.CallTimeout, async (_, token) =>
        {
            var (client, engine, api) = await _connection.RenewAsync(token);
            return _info = known is not null && known.Version == engine && known.ApiVersion == api.ToString()
                ? known
                : DockerAnswers.Describe(engine, api, await client.System.GetSystemInfoAsync(token));
        }, cancellationToken);
    }

    public Task<string?> FindImageAsync(IReadOnlyList<string> patterns, CancellationToken cancellationToken) =>
        CallAsync("list the images", _options.CallTimeout, async (client, token) =>
        {
            var images = await client.Images.ListImagesAsync(new ImagesListParameters(), token);
            return ContainerNames.FindImage([.. images.SelectMany(i => i.RepoTags ?? [])], patterns);
        }, cancellationToken);

    public async Task<string?> FindImageIdAsync(string tag, CancellationToken cancellationToken)
    {
        try
        {
            return await CallAsync($"inspect the image {tag}", _options.CallTimeout, async (client, token) =>
                (await client.Images.InspectImageAsync(tag, token)).ID, cancellationToken);
        }
        catch (ContainerEngineException e) when (e.Failure == EngineFailure.NotFound)
        {
            return null;
        }
    }

    public Task<string> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken)
    {
        var what = $"create the container {spec.Name} from {spec.Image}";
        return CallAsync(what, _options.SlowCallTimeout, async (client, token) =>
        {
            try
            {
                return (await client.Containers.CreateContainerAsync(DockerRequests.Create(spec, _options), token)).ID;
            }
            catch (DockerApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
            {
                throw EngineErrors.Failed(EngineFailure.NameTaken, what, EngineErrors.Words(e), e);
            }
        }, cancellationToken);
    }

    public Task StartAsync(string containerId, CancellationToken cancellationToken) =>
        OnContainerAsync("start", containerId, _options.SlowCallTimeout, (client, token) =>
            client.Containers.StartContainerAsync(containerId, new ContainerStartParameters(), token), cancellationToken);

    public async Task StopAsync(string containerId, TimeSpan grace, CancellationToken cancellationToken)
    {
        // Docker.DotNet omits a zero, and then the engine waits ten seconds.
        var seconds = (uint)Math.Ceiling(Math.Clamp(grace.TotalSeconds, 0, 86_400));
        try
        {
            var parameters = new ContainerStopParameters { WaitBeforeKillSeconds = seconds };
            await OnContainerAsync("stop", containerId, grace + _options.CallTimeout, (client, token) => seconds == 0
                ? KillAsync(client, containerId, token)
                : client.Containers.StopContainerAsync(containerId, parameters, token), cancellationToken);
        }
        catch (ContainerEngineException e) when (e.Failure == EngineFailure.NotFound)
        {
            // It has been removed, so it is stopped.
        }
    }

    public Task RenameAsync(string containerId, string name, CancellationToken cancellationToken) =>
        OnContainerAsync("rename", containerId, _options.CallTimeout, async (client, token) =>
        {
            try
            {
                await client.Containers.RenameContainerAsync(containerId, new ContainerRenameParameters { NewName = name }, token);
            }
            catch (DockerApiException) when (!token.IsCancellationRequested)
            {
                // An earlier call may have done it, although its answer was lost: the engine refuses a name that is the same.
                if ((await client.Containers.InspectContainerAsync(containerId, token)).Name != $"/{name}")
                {
                    throw;
                }
            }

            return true;
        }, cancellationToken);

    public async Task RemoveAsync(string containerId, CancellationToken cancellationToken)
    {
        try
        {
            var parameters = new ContainerRemoveParameters { Force = true, RemoveVolumes = true };
            await OnContainerAsync("remove", containerId, _options.SlowCallTimeout, async (client, token) =>
            {
                await _removal.ExecuteAsync(async t => await client.Containers.RemoveContainerAsync(containerId, parameters, t), token);
                return true;
            }, cancellationToken);
        }
        catch (ContainerEngineException e) when (e.Failure == EngineFailure.NotFound)
        {
            // It has been removed already.
        }
    }

    public async Task<ContainerDescription?> InspectAsync(string containerIdOrName, CancellationToken cancellationToken)
    {
        if (!ContainerNames.IsIdOrName(containerIdOrName))
        {
            return null;
        }

        try
        {
            return await CallAsync($"inspect the container {containerIdOrName}", _options.CallTimeout, async (client, token) =>
                DockerAnswers.Describe(await client.Containers.InspectContainerAsync(containerIdOrName, token)), cancellationToken);
        }
        catch (ContainerEngineException e) when (e.Failure == EngineFailure.NotFound)
        {
            return null;
        }
    }

    public Task<IReadOnlyList<ContainerDescription>> ListAsync(
        IReadOnlyDictionary<string, string> labels, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<ContainerDescription>>("list the containers", _options.CallTimeout, async (client, token) =>
        {
            var listed = await client.Containers.ListContainersAsync(DockerRequests.List(labels), token);
            return [.. listed.Select(DockerAnswers.Describe)];
        }, cancellationToken);

    public async IAsyncEnumerable<byte[]> ReadOutputAsync(
        string containerId, int lines, bool follow, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var what = $"read the output of the container {containerId}";
        using var output = await OpenOutputAsync(what, containerId, lines, follow, cancellationToken);
        if (output is null)
        {
            yield break;
        }

        var buffer = new byte[PieceOfOutput];
        var timeout = follow ? Timeout.InfiniteTimeSpan : _options.CallTimeout;
        while (await ReadOutputAsync(what, output, buffer, timeout, cancellationToken) is var length and > 0)
        {
            yield return buffer[..length];
        }
    }

    public async Task<IContainerEventSubscription> WatchAsync(DateTimeOffset? since, CancellationToken cancellationToken) =>
        await CallAsync("watch the engine's events", _options.CallTimeout, async (client, token) =>
        {
            // The recommended overload parses the JSON itself: an invalid event ends or blocks it, and it does not tell when the engine has
            // accepted.
#pragma warning disable CS0618
            var stream = await client.System.MonitorEventsAsync(DockerRequests.Events(since), token);
#pragma warning restore CS0618
            return new DockerEventSubscription(stream, logger);
        }, cancellationToken);

    /// <summary>Null where the engine does not know the container.</summary>
    private async Task<MultiplexedStream?> OpenOutputAsync(
        string what, string containerId, int lines, bool follow, CancellationToken cancellationToken)
    {
        var parameters = new ContainerLogsParameters
        {
            ShowStdout = true,
            ShowStderr = true,
            Follow = follow,
            Tail = lines.ToString(CultureInfo.InvariantCulture),
        };
        try
        {
            return await CallAsync(what, _options.CallTimeout, async (client, token) =>
            {
                // Without a terminal each piece of the output has a head, which says where it was written to.
                var hasTerminal = (await client.Containers.InspectContainerAsync(containerId, token)).Config.Tty;
                return await client.Containers.GetContainerLogsAsync(containerId, hasTerminal, parameters, token);
            }, cancellationToken);
        }
        catch (ContainerEngineException exception) when (exception.Failure == EngineFailure.NotFound)
        {
            return null;
        }
    }

    /// <param name="timeout">For this piece: the engine has it already, unless the output is followed.</param>
    private async Task<int> ReadOutputAsync(
        string what, MultiplexedStream output, byte[] buffer, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(timeout, timeProvider);
        using var cancelled = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), limit);

        // Not every stream ends a read when its token is cancelled; each does when it is closed.
        await using var closing = limit.Token.UnsafeRegister(static stream => ((MultiplexedStream)stream!).Dispose(), output);
        try
        {
            return (await output.ReadOutputAsync(buffer, 0, buffer.Length, limit.Token)).Count;
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException($"Cancelled: {what}.", exception, cancellationToken);
        }
        catch (Exception exception) when (limit.IsCancellationRequested)
        {
            throw EngineErrors.TimedOut(what, timeout, exception);
        }
        catch (Exception exception)
        {
            throw EngineErrors.Translate(what, exception);
        }
    }

    private static RetryStrategyOptions RemovalRetry(HttpStatusCode status, int retries) => new()
    {
        ShouldHandle = new PredicateBuilder().Handle<DockerApiException>(e => e.StatusCode == status),
        MaxRetryAttempts = retries,
        Delay = TimeSpan.FromMilliseconds(100),
        BackoffType = DelayBackoffType.Exponential,
        MaxDelay = TimeSpan.FromSeconds(5),
    };

    private static async Task<bool> KillAsync(IDockerClient client, string containerId, CancellationToken cancellationToken)
    {
        try
        {
            await client.Containers.KillContainerAsync(containerId, new ContainerKillParameters { Signal = "KILL" }, cancellationToken);
        }
        catch (DockerApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // It does not run.
            return false;
        }

        await client.Containers.WaitContainerAsync(containerId, cancellationToken);
        return true;
    }

    private Task<bool> OnContainerAsync(
        string verb,
        string containerId,
        TimeSpan timeout,
        Func<IDockerClient, CancellationToken, Task<bool>> call,
        CancellationToken cancellationToken)
    {
        var what = $"{verb} the container {containerId}";
        return ContainerNames.IsIdOrName(containerId)
            ? CallAsync(what, timeout, call, cancellationToken)
            : throw EngineErrors.Failed(EngineFailure.NotFound, $"{verb} a container", "not a valid id or name");
    }

    private async Task<T> CallAsync<T>(
        string what, TimeSpan timeout, Func<IDockerClient, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(timeout, timeProvider);
        using var cancelled = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), limit);
        try
        {
            return await call(await _connection.ClientAsync(limit.Token), limit.Token);
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested && e is not ContainerEngineException)
        {
            throw new OperationCanceledException($"Cancelled: {what}.", e, cancellationToken);
        }
        catch (Exception e) when (limit.IsCancellationRequested && e is not ContainerEngineException)
        {
            throw EngineErrors.TimedOut(what, timeout, e);
        }
        catch (Exception e)
        {
            throw EngineErrors.Translate(what, e);
        }
    }
}
