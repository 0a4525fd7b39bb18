using System.CommandLine;
using System.Globalization;

namespace HostService.Silo.Cli;

/// <summary>An option that is a number from 1 on.</summary>
internal static class NumberOption
{
    /// <param name="what">What the number says, without a full stop.</param>
    /// <param name="usual">The number where none is given.</param>
    /// <param name="most">The greatest one.</param>
    public static Option<int> Create(string name, string what, int usual, int most)
    {
        var option = new Option<int>(name) { Description = $"{what}, 1 to {most}.", DefaultValueFactory = _ => usual };
        option.Validators.Add(result =>
        {
            // What is no number, the parser reports; the result's value would throw for it.
            if (result.Tokens is [{ Value: var text }]
                && int.TryParse(text, CultureInfo.InvariantCulture, out var value) && (value < 1 || value > most))
            {
                result.AddError($"{name} is {value}; it must be from 1 to {most}.");
            }
        });
        return option;
    }
}
