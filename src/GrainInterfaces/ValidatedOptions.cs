using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.GrainInterfaces;

/// <summary>Settings of one section that can tell what is wrong with them.</summary>
public interface IValidatedOptions
{
    /// <summary>Every fault, each with its key and what to do; empty when there is none.</summary>
    IEnumerable<string> Validate();
}

/// <summary>The one way in which settings are registered.</summary>
public static class ValidatedOptions
{
    /// <summary>Binds the options to a section of the configuration and validates them at start.</summary>
    public static OptionsBuilder<TOptions> AddValidatedOptions<TOptions>(this IServiceCollection services, string section)
        where TOptions : class, IValidatedOptions
    {
        services.AddSingleton<IValidateOptions<TOptions>, Validator<TOptions>>();
        return services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
    }

    private sealed class Validator<TOptions> : IValidateOptions<TOptions>
        where TOptions : class, IValidatedOptions
    {
        public ValidateOptionsResult Validate(string? name, TOptions options) =>
            options.Validate().ToList() is { Count: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }
}
