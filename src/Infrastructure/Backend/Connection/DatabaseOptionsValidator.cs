using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Backend.Connection;

/// <summary>Reports every fault of both sections at once; says nothing that could be a secret.</summary>
internal sealed class DatabaseOptionsValidator(IOptions<HerokuOptions> heroku) : IValidateOptions<DatabaseOptions>
{
    public ValidateOptionsResult Validate(string? name, DatabaseOptions options)
    {
        var faults = new List<string>();
        if (ConnectionStringSource.FaultOf(options, heroku.Value) is { } fault)
        {
            faults.Add(fault);
        }

        if (!Uri.TryCreate(heroku.Value.Endpoint, UriKind.Absolute, out var endpoint) || endpoint.Scheme is not ("https" or "http"))
        {
            faults.Add($"Heroku:Endpoint must be an absolute http(s) address, but is \"{heroku.Value.Endpoint}\".");
        }

        (string Name, TimeSpan Value)[] times =
        [
            (nameof(options.Timeout), options.Timeout),
            (nameof(options.StartTimeout), options.StartTimeout),
            (nameof(options.RetryDelay), options.RetryDelay),
            (nameof(options.MaxRetryDelay), options.MaxRetryDelay),
            (nameof(options.FlushTimeout), options.FlushTimeout),
        ];
        faults.AddRange(times
            .Where(t => t.Value <= TimeSpan.Zero || t.Value > TimeSpan.FromMinutes(10))
            .Select(t => $"Database:{t.Name} must be over 0 and at most 10 minutes, but is {t.Value}."));
        if (options.RetryDelay > options.MaxRetryDelay)
        {
            faults.Add($"Database:RetryDelay ({options.RetryDelay}) must not be over Database:MaxRetryDelay ({options.MaxRetryDelay}).");
        }

        if (options.MaxPoolSize is < 1 or > 100)
        {
            faults.Add($"Database:MaxPoolSize must be 1..100, but is {options.MaxPoolSize}.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
