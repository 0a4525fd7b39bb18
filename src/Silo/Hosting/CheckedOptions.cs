using Microsoft.Extensions.Options;

namespace HostService.Silo.Hosting;

/// <summary>Options that are bound to a section and checked at start.</summary>
internal static class CheckedOptions
{
    public static void AddChecked<TOptions, TValidator>(this IServiceCollection services, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<TOptions>, TValidator>();
    }

    public static void AddChecked<TOptions>(this IServiceCollection services, string section, Func<TOptions, IEnumerable<string>> faults)
        where TOptions : class
    {
        services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<TOptions>>(new FaultValidator<TOptions>(faults));
    }

    /// <summary>
    /// A section that is needed before the check; its defaults where it cannot be read, for then the check names the fault.
    /// </summary>
    public static TOptions ReadOrDefaults<TOptions>(this IConfiguration configuration, string section)
        where TOptions : class, new()
    {
        try
        {
            return configuration.GetSection(section).Get<TOptions>() ?? new TOptions();
        }
        catch (InvalidOperationException)
        {
            // A value that cannot be made a number, a time or a truth.
            return new TOptions();
        }
    }

    private sealed class FaultValidator<TOptions>(Func<TOptions, IEnumerable<string>> faults) : IValidateOptions<TOptions>
        where TOptions : class
    {
        public ValidateOptionsResult Validate(string? name, TOptions options) =>
            faults(options).ToList() is { Count: > 0 } found ? ValidateOptionsResult.Fail(found) : ValidateOptionsResult.Success;
    }
}
