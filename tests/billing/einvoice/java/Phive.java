import com.helger.diver.api.coord.DVRCoordinate;
import com.helger.io.resource.FileSystemResource;
import com.helger.phive.api.execute.ValidationExecutionManager;
import com.helger.phive.api.executorset.ValidationExecutorSetRegistry;
import com.helger.phive.api.result.ValidationResult;
import com.helger.phive.api.validity.IValidityDeterminator;
import com.helger.phive.en16931.EN16931Validation;
import com.helger.phive.peppol.PeppolValidation;
import com.helger.phive.peppol.PeppolValidation2026_05;
import com.helger.phive.xml.source.IValidationSourceXML;
import com.helger.phive.xml.source.ValidationSourceXML;
import com.helger.phive.xrechnung.XRechnungValidation;
import com.helger.phive.zugferd.ZugferdValidation;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** XML by phive: XSD and Schematron. A credit note in UBL has rules of its own. */
final class Phive {
  private static final Map<String, DVRCoordinate> KINDS = Map.of(
      "factur-x", ZugferdValidation.VID_ZUGFERD_2_4_EN16931,
      "xrechnung-cii", XRechnungValidation.VID_XRECHNUNG_CII_302,
      "xrechnung-ubl", XRechnungValidation.VID_XRECHNUNG_UBL_INVOICE_302,
      "xrechnung-ubl-credit-note", XRechnungValidation.VID_XRECHNUNG_UBL_CREDITNOTE_302,
      "peppol-ubl", PeppolValidation2026_05.VID_OPENPEPPOL_INVOICE_UBL_V3,
      "peppol-ubl-credit-note", PeppolValidation2026_05.VID_OPENPEPPOL_CREDIT_NOTE_UBL_V3);

  private final ValidationExecutorSetRegistry<IValidationSourceXML> registry = new ValidationExecutorSetRegistry<>();

  Phive() {
    EN16931Validation.initEN16931(registry);
    PeppolValidation.initStandard(registry); // brings 2026.5; asked for twice it throws
    XRechnungValidation.initXRechnung(registry);
    ZugferdValidation.initZugferd(registry);
  }

  Answer check(String kind, String file) {
    var rules = registry.getOfID(KINDS.get(kind));
    var results = ValidationExecutionManager.executeValidation(IValidityDeterminator.createDefault(), rules,
        ValidationSourceXML.create(new FileSystemResource(file)), Locale.ENGLISH);
    List<Answer.Remark> errors = new ArrayList<>(), warnings = new ArrayList<>();
    for (ValidationResult result : results)
      for (var found : result.getErrorList())
        (found.isError() ? errors : warnings)
            .add(new Answer.Remark(found.getErrorID(), found.getErrorText(Locale.ENGLISH)));
    String by = rules.getID().getAsSingleID() + ", layers: " + results.size();
    return new Answer(results.containsNoError() && results.size() > 1, by, errors, warnings);
  }
}
