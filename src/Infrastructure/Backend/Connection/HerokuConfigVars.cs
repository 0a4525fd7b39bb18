using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace HostService.Infrastructure.Backend.Connection;

/// <summary>Reads a config var of a Heroku app. The API key and the values are secrets and never part of a message.</summary>
internal sealed class HerokuConfigVars(HttpClient http)
{
    public async Task<string> ReadAsync(HerokuOptions options, string name, CancellationToken cancellationToken)
    {
        var address = $"{options.Endpoint.TrimEnd('/')}/apps/{Uri.EscapeDataString(options.App)}/config-vars";
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse("application/vnd.heroku+json; version=3"));
        if (!request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + options.ApiKey))
        {
            throw new BackendDatabaseException("Heroku:ApiKey contains characters that are not valid in an HTTP header.");
        }

        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            if (!response.IsSuccessStatusCode)
            {
                throw new BackendDatabaseException(
                    $"Heroku refused to show the config vars of app {options.App}: {Explain(response.StatusCode)}");
            }

            using var json = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty(name, out var value)
                && value.ValueKind == JsonValueKind.String
                && value.GetString() is { Length: > 0 } text
                    ? text
                    : throw new BackendDatabaseException($"The Heroku app {options.App} has no config var {name}.");
        }
        catch (HttpRequestException exception)
        {
            throw new BackendDatabaseException($"Heroku's API at {options.Endpoint} could not be reached: {exception.Message}", exception)
            {
                Unreachable = true,
            };
        }
        catch (JsonException)
        {
            // The parser's message can quote what it read.
            throw new BackendDatabaseException($"Heroku's answer about the config vars of app {options.App} is not JSON.");
        }
    }

    private static string Explain(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized => "401, Heroku:ApiKey is not valid.",
        HttpStatusCode.Forbidden => "403, the owner of Heroku:ApiKey may not see this app.",
        HttpStatusCode.NotFound => "404, there is no such app; check Heroku:App.",
        _ => $"{(int)status}.",
    };
}
