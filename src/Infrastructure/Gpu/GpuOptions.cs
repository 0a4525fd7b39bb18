using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Gpu;

/// <summary>Section <c>Gpu</c>: how GPUs are read, when one counts as sick, and how many mandelboxes share one.</summary>
public sealed class GpuOptions
{
    public const string Section = "Gpu";

    /// <summary>B12: at most this many mandelboxes on a GPU.</summary>
    public int MandelboxesPerGpu { get; set; } = 2;

    /// <summary>NVML: a name that the system's loader finds, or a path.</summary>
    public string NvmlLibrary { get; set; } = "libnvidia-ml.so.1";

    /// <summary>Video memory that must be free on a GPU before one more mandelbox is placed on it; 0 to not look.</summary>
    public long MinimumFreeMemoryBytes { get; set; } = 512L * 1024 * 1024;

    /// <summary>Time between two readings.</summary>
    public TimeSpan ReadingInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A reading that takes longer counts as failed for every GPU; the next one waits until it has ended.</summary>
    public TimeSpan ReadingTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The same for the reading that start-up waits for: a driver that has just been loaded takes its time over the first one.</summary>
    public TimeSpan FirstReadingTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>So many failed readings in a row take a GPU out.</summary>
    public int FailedReadings { get; set; } = 3;

    /// <summary>A GPU that was taken out comes back once it has been well for this long.</summary>
    public TimeSpan HealthyFor { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// While a GPU fails or is missing, NVML is closed and opened anew this often: a GPU that was reset or came back on the bus is seen only then.
    /// </summary>
    public TimeSpan ReopenAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>XIDs that take a GPU out; <see cref="Xids.Fatal"/> when not set. Setting it replaces that list.</summary>
    public int[]? FatalXids { get; set; }
}

/// <summary>Names every fault of the section at once.</summary>
internal sealed class GpuOptionsValidator : IValidateOptions<GpuOptions>
{
    public ValidateOptionsResult Validate(string? name, GpuOptions options)
    {
        var faults = new List<string>();
        Require(options.MandelboxesPerGpu is >= 1 and <= 54, $"Gpu:MandelboxesPerGpu is {options.MandelboxesPerGpu}; it must be 1 to 54");
        Require(!string.IsNullOrWhiteSpace(options.NvmlLibrary), "Gpu:NvmlLibrary is empty; name NVML's shared library, libnvidia-ml.so.1 as a rule");
        Require(options.MinimumFreeMemoryBytes >= 0, $"Gpu:MinimumFreeMemoryBytes is {options.MinimumFreeMemoryBytes}; it must be 0 or more");
        Require(options.FailedReadings >= 1, $"Gpu:FailedReadings is {options.FailedReadings}; it must be 1 or more");
        Require(options.FatalXids is null || Array.TrueForAll(options.FatalXids, x => x > 0), "Gpu:FatalXids holds a number below 1; XIDs begin at 1");
        Positive(options.ReadingInterval, nameof(GpuOptions.ReadingInterval));
        Positive(options.ReadingTimeout, nameof(GpuOptions.ReadingTimeout));
        Positive(options.FirstReadingTimeout, nameof(GpuOptions.FirstReadingTimeout));
        Positive(options.HealthyFor, nameof(GpuOptions.HealthyFor));
        Positive(options.ReopenAfter, nameof(GpuOptions.ReopenAfter));
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Require(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }

        void Positive(TimeSpan value, string key) => Require(value > TimeSpan.Zero, $"Gpu:{key} is {value}; it must be more than zero, for example 00:00:10");
    }
}
