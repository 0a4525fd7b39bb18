using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Backend.Webserver;

internal sealed class WebserverOptionsValidator : IValidateOptions<WebserverOptions>
{
    public ValidateOptionsResult Validate(string? name, WebserverOptions options)
    {
        var faults = new List<string>();
        if (!Uri.TryCreate(options.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Query.Length > 0 || url.Fragment.Length > 0)
        {
            faults.Add($"Webserver:Url must be an absolute http(s) address without a query, but is \"{options.Url}\".");
        }

        if (options.Timeout <= TimeSpan.Zero || options.Timeout > TimeSpan.FromMinutes(1))
        {
            faults.Add($"Webserver:Timeout must be over 0 and at most 1 minute, but is {options.Timeout}.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
