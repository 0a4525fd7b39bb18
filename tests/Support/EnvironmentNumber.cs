using System.Globalization;

namespace HostService.Tests.Support;

/// <summary>A number that the environment gives a test: how long it is, or which random seed it takes.</summary>
public static class EnvironmentNumber
{
    /// <summary>Null where the variable is not set, or is no number.</summary>
    public static int? Read(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
