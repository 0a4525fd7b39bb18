using System.Net;

namespace Docker.DotNet;

/// <summary>The engine answered with an error.</summary>
public class DockerApiException(HttpStatusCode statusCode, string responseBody)
    : Exception($"Docker API responded with status code={statusCode}, response={responseBody}")
{
    public HttpStatusCode StatusCode { get; private set; } = statusCode;

    public string ResponseBody { get; private set; } = responseBody;
}

/// <summary>404 where a container was asked for.</summary>
public class DockerContainerNotFoundException(HttpStatusCode statusCode, string responseBody) : DockerApiException(statusCode, responseBody);

/// <summary>404 where an image was asked for.</summary>
public class DockerImageNotFoundException(HttpStatusCode statusCode, string responseBody) : DockerApiException(statusCode, responseBody);
