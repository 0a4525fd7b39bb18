using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Serialization.Configuration;

namespace Orleans
{
    /// <summary>Refuses a configuration that cannot work, before anything starts.</summary>
    public interface IConfigurationValidator
    {
        void ValidateConfiguration();
    }
}

namespace Orleans.Runtime
{
    internal sealed class CollectionValidator(IOptions<GrainCollectionOptions> options) : IConfigurationValidator
    {
        public void ValidateConfiguration()
        {
            var collection = options.Value;
            if (collection.CollectionQuantum <= TimeSpan.Zero)
                throw Refusal($"{nameof(collection.CollectionQuantum)} must be greater than zero, but is {collection.CollectionQuantum}.");
            if (collection.CollectionAge <= collection.CollectionQuantum)
            {
                throw Refusal(
                    $"{nameof(collection.CollectionAge)} ({collection.CollectionAge}) must be greater than {nameof(collection.CollectionQuantum)} ({collection.CollectionQuantum}).");
            }

            foreach (var (type, age) in collection.ClassSpecificCollectionAge)
            {
                if (age <= collection.CollectionQuantum)
                    throw Refusal($"The collection age of {type} ({age}) must be greater than {nameof(collection.CollectionQuantum)} ({collection.CollectionQuantum}).");
            }
        }

        private static OrleansConfigurationException Refusal(string why) => new($"{nameof(GrainCollectionOptions)}: {why}");
    }

    internal sealed class ClusterValidator(IOptions<ClusterOptions> options) : IConfigurationValidator
    {
        public void ValidateConfiguration()
        {
            if (string.IsNullOrWhiteSpace(options.Value.ClusterId))
                throw new OrleansConfigurationException($"{nameof(ClusterOptions)}.{nameof(ClusterOptions.ClusterId)} must not be empty.");
            if (string.IsNullOrWhiteSpace(options.Value.ServiceId))
                throw new OrleansConfigurationException($"{nameof(ClusterOptions)}.{nameof(ClusterOptions.ServiceId)} must not be empty.");
        }
    }

    /// <summary>A silo that nobody told where its cluster is.</summary>
    internal sealed class ClusteringValidator(IEnumerable<ClusteringChosen> chosen) : IConfigurationValidator
    {
        public void ValidateConfiguration()
        {
            if (!chosen.Any())
            {
                throw new OrleansConfigurationException(
                    $"Clustering has not been configured: call {nameof(Hosting.CoreHostingExtensions.UseLocalhostClustering)} on the silo builder.");
            }
        }
    }

    /// <summary>Registered by whatever chooses a clustering.</summary>
    internal sealed class ClusteringChosen;

    internal sealed class SignatureValidator(GrainClasses classes, IOptions<TypeManifestOptions> options) : IConfigurationValidator
    {
        public void ValidateConfiguration()
        {
            if (options.Value.EnableConfigurationAnalysis == false)
                return;
            var complaints = classes.Interfaces.Concat(options.Value.Interfaces).SelectMany(SignatureCheck.Complaints).Distinct().ToList();
            if (complaints.Count == 0)
                return;
            throw new OrleansConfigurationException(
                "Found unserializable or uncopyable types which are being referenced in grain interface signatures, or signatures that no grain can have:\n"
                + string.Join("\n", complaints.Select(c => "  * " + c))
                + "\nA type of your own takes [GenerateSerializer] and an [Id(n)] per member; a grain method returns Task, ValueTask, IAsyncEnumerable or void.");
        }
    }
}
