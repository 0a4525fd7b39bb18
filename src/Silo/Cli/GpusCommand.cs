using System.CommandLine;
using HostService.Infrastructure.Gpu;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service gpus</c>: what NVML says of this machine, with no service running.</summary>
internal static class GpusCommand
{
    public static Command Create()
    {
        var command = new Command("gpus", "List the GPUs of this machine as the service sees them. Settings are taken as by run.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        var json = new Option<bool>("--json") { Description = "Print JSON, named as nvidia-smi names its figures." };
        command.Options.Add(json);
        command.SetAction(parsed =>
        {
            var options = ServiceConfigurationReader.Read(parsed.UnmatchedTokens).ReadValid<GpuOptions>(GpuOptions.Section);
            using var inventory = new NvmlGpuInventory(options.NvmlLibrary, options.ReopenAfter, TimeProvider.System);
            var report = GpuReport.From(inventory.Read());
            if (parsed.GetValue(json))
            {
                Console.WriteLine(report.ToJson());
                return ExitCodes.Ended;
            }

            Screen.Write(report.Summary);
            if (report.Gpus.Count > 0)
            {
                Screen.Write(Table(report));
            }

            return ExitCodes.Ended;
        });
        return command;
    }

    internal static TextTable Table(GpuReport report)
    {
        var table = new TextTable(
            new("GPU"),
            new("NAME", ColumnFit.Text),
            new("UUID", ColumnFit.Id, Dropped: 3),
            new("MEMORY MiB"),
            new("USED"),
            new("FREE", Dropped: 4),
            new("GPU %"),
            new("MEMORY %", Dropped: 2),
            new("ENCODERS", Dropped: 1),
            new("FAULT", ColumnFit.Text));
        foreach (var gpu in report.Gpus)
        {
            table.Add(
                $"{gpu.Index}", gpu.Name, gpu.Uuid, $"{gpu.MemoryTotalMiB}", $"{gpu.MemoryUsedMiB}", $"{gpu.MemoryFreeMiB}",
                $"{gpu.UtilizationGpu}", $"{gpu.UtilizationMemory}", $"{gpu.EncoderSessions}", new TextCell(gpu.Fault, Tone.Bad));
        }

        return table;
    }
}
