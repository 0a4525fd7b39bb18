namespace Orleans.Core
{
    /// <summary>State that outlives an activation.</summary>
    public interface IStorage
    {
        string? Etag { get; }

        bool RecordExists { get; }

        Task ClearStateAsync();

        Task WriteStateAsync();

        Task ReadStateAsync();

        Task ClearStateAsync(CancellationToken cancellationToken) => ClearStateAsync();

        Task WriteStateAsync(CancellationToken cancellationToken) => WriteStateAsync();

        Task ReadStateAsync(CancellationToken cancellationToken) => ReadStateAsync();
    }

    /// <inheritdoc cref="IStorage"/>
    public interface IStorage<TState> : IStorage
    {
        TState State { get; set; }
    }
}

namespace Orleans
{
    /// <summary>State as a storage provider reads and writes it.</summary>
    public interface IGrainState<T>
    {
        T? State { get; set; }

        string? ETag { get; set; }

        bool RecordExists { get; set; }
    }
}

namespace Orleans.Providers
{
    /// <summary>Names of providers.</summary>
    public static class ProviderConstants
    {
        public const string DEFAULT_STORAGE_PROVIDER_NAME = "Default";
    }

    /// <summary>Which storage holds the state of a <see cref="Grain{TGrainState}"/>.</summary>
    [AttributeUsage(AttributeTargets.Class)]
    public sealed class StorageProviderAttribute : Attribute
    {
        public StorageProviderAttribute()
        {
            ProviderName = ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME;
        }

        public string ProviderName { get; set; }
    }
}
