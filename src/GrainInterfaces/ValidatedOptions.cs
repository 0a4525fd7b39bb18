using Microsoft.Extensions.DependencyInjection;

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

    /// <summary>The texts of the rules that do not hold.</summary>
    public static IEnumerable<string> Faults(params (bool Holds, string Fault)[] rules) => rules.Where(r => !r.Holds).Select(r => r.Fault);

    /// <summary>A rule for <see cref="Faults"/>: a time must be more than zero.</summary>
    public static (bool Holds, string Fault) Positive(string key, TimeSpan value) =>
        (value > TimeSpan.Zero, $"{key} is {value}; it must be more than zero, for example 00:00:30");

    private sealed class Validator<TOptions> : IValidateOptions<TOptions>
        where TOptions : class, IValidatedOptions
    {
        public ValidateOptionsResult Validate(string? name, TOptions options) =>
            options.Validate().ToList() is { Count: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }
}
