using System.Net;
using System.Text;

namespace Docker.DotNet;

/// <inheritdoc/>
public sealed class DockerClient : IDockerClient
{
    private readonly HttpClient _http;
    private readonly Uri _base;

    internal DockerClient(DockerClientConfiguration configuration, Version requestedApiVersion)
    {
        Configuration = configuration;
        DefaultTimeout = configuration.DefaultTimeout;
        var (handler, root) = EngineTransport.Open(configuration);
        _base = requestedApiVersion is null ? root : new Uri(root, $"v{requestedApiVersion}/");
        _http = new HttpClient(configuration.Credentials.GetHandler(handler), disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Add("User-Agent", "Docker.DotNet");
        foreach (var (name, value) in configuration.DefaultHttpRequestHeaders)
        {
            _http.DefaultRequestHeaders.Add(name, value);
        }

        Containers = new ContainerOperations(this);
        Images = new ImageOperations(this);
        System = new SystemOperations(this);
    }

    public DockerClientConfiguration Configuration { get; }

    public TimeSpan DefaultTimeout { get; set; }

    public IContainerOperations Containers { get; }

    public IImageOperations Images { get; }

    public ISystemOperations System { get; }

    public void Dispose()
    {
        Configuration.Dispose();
        _http.Dispose();
    }

    /// <summary>One question, one answer.</summary>
    /// <param name="timeout">Null: <see cref="DefaultTimeout"/>.</param>
    internal async Task<(HttpStatusCode Status, byte[] Body)> AskAsync(
        HttpMethod method, string path, object query, object body, NotFound notFound, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        var limit = timeout ?? DefaultTimeout;
        using var deadline = limit == Timeout.InfiniteTimeSpan ? null : CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline?.CancelAfter(limit);
        var token = deadline?.Token ?? cancellationToken;

        using var request = Prepare(method, path, query, body);
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, token).ConfigureAwait(false);
        await ThrowIfErrorAsync(response, notFound, token).ConfigureAwait(false);
        return (response.StatusCode, await response.Content.ReadAsByteArrayAsync(token).ConfigureAwait(false));
    }

    /// <inheritdoc cref="AskAsync"/>
    internal async Task<T> AskAsync<T>(
        HttpMethod method, string path, object query, object body, NotFound notFound, CancellationToken cancellationToken, TimeSpan? timeout = null)
    {
        var (_, answer) = await AskAsync(method, path, query, body, notFound, timeout, cancellationToken).ConfigureAwait(false);
        return Wire.Read<T>(answer);
    }

    /// <summary>An answer that goes on: the stream is handed out as soon as the headers are there.</summary>
    internal async Task<Stream> OpenStreamAsync(HttpMethod method, string path, object query, CancellationToken cancellationToken)
    {
        using var request = Prepare(method, path, query, null);
        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        try
        {
            await ThrowIfErrorAsync(response, NotFound.IsAnError, cancellationToken).ConfigureAwait(false);
            return await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private static async Task ThrowIfErrorAsync(HttpResponseMessage response, NotFound notFound, CancellationToken cancellationToken)
    {
        if (response.StatusCode is >= HttpStatusCode.OK and < HttpStatusCode.BadRequest)
        {
            return;
        }

        var body = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        throw (response.StatusCode, notFound) switch
        {
            (HttpStatusCode.NotFound, NotFound.IsAContainer) => new DockerContainerNotFoundException(response.StatusCode, body),
            (HttpStatusCode.NotFound, NotFound.IsAnImage) => new DockerImageNotFoundException(response.StatusCode, body),
            _ => new DockerApiException(response.StatusCode, body),
        };
    }

    private HttpRequestMessage Prepare(HttpMethod method, string path, object query, object body)
    {
        var request = new HttpRequestMessage(method, new UriBuilder(new Uri(_base, path)) { Query = query is null ? "" : Query.Of(query) }.Uri);
        if (body is not null)
        {
            request.Content = new StringContent(Wire.Write(body), Encoding.UTF8, "application/json");
        }

        return request;
    }
}

/// <summary>What a 404 says about the thing that was asked for.</summary>
internal enum NotFound
{
    IsAnError,
    IsAContainer,
    IsAnImage,
}
